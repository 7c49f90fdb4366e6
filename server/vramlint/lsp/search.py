"""The search for fixes, off the server's thread: it estimates many variants of a file."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import partial

from vramlint.analysis.analyse import fixes_for
from vramlint.lazy_dataclasses import replace
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.result import Analysis
from vramlint.lsp.background import beside
from vramlint.lsp.session import Session
from vramlint.lsp.view import View


class Abandoned(BaseException):
    """The client no longer wants the answer. No rule's `except Exception` takes it for a failure."""


async def all_fixes(session: Session, view: View, analysis: Analysis, finding: Finding) -> tuple[Fix, ...]:
    """All fixes of a finding, those that a search has to work out included; worked out once per version."""
    known = session.known_fixes(view.uri, finding)
    if known is not None:
        return known
    if (search := session.searches.get(view.uri)) is not None and not search.done():
        await asyncio.wait([search])  # the same, begun unasked; who waits may give up alone
        known = session.known_fixes(view.uri, finding)
        if known is not None:
            return known
    return await _search(session, view, analysis, finding)


async def _search(session: Session, view: View, analysis: Analysis, finding: Finding) -> tuple[Fix, ...]:
    abandoned = threading.Event()
    guarded = replace(analysis, proceed=partial(_unless, abandoned))
    try:
        found = await beside(partial(fixes_for, guarded, finding))
    except asyncio.CancelledError:
        abandoned.set()
        raise
    session.remember_fixes(view.uri, analysis, finding, found)
    return found


async def still_unknown(
    session: Session, view: View, findings: Sequence[Finding], patience: float
) -> list[Finding]:
    """The findings whose fixes are not known after so many seconds; the search for them goes on."""
    unknown = [each for each in findings if session.known_fixes(view.uri, each) is None]
    if unknown:
        begin(session, view, unknown)
        if patience:
            await asyncio.wait([session.searches[view.uri]], timeout=patience)
    return [each for each in unknown if session.known_fixes(view.uri, each) is None]


def begin(session: Session, view: View, findings: Sequence[Finding]) -> None:
    """Search for the fixes of findings, so that they are known when they are asked for."""
    if (search := session.searches.get(view.uri)) is not None and not search.done():
        return

    async def each() -> None:
        for finding in findings:
            await _search(session, view, view.analysis, finding)

    session.searches[view.uri] = asyncio.get_running_loop().create_task(each())


async def fit_fixes(session: Session, view: View) -> tuple[Fix, ...]:
    """The fixes that make the run of the shown figures fit, where it does not."""
    finding = view.unfit
    return () if finding is None else await all_fixes(session, view, view.shown, finding)


def _unless(abandoned: threading.Event) -> None:
    if abandoned.is_set():
        raise Abandoned
