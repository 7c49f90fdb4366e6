"""Code lenses: the verdict above the document, and what would make the run fit."""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from vramlint.explain.lines import fit_head
from vramlint.lint.finding import Fix
from vramlint.lint.format import shorten
from vramlint.lsp.offers import MAKE_IT_FIT, SHOW_BREAKDOWN
from vramlint.lsp.search import fit_fixes
from vramlint.lsp.session import Session
from vramlint.lsp.view import View

_LONGEST = 60
"""Characters of a title above the text."""


def code_lenses(session: Session, view: View, params: types.CodeLensParams) -> list[types.CodeLens]:
    """The verdict; and where the run does not fit a second one, whose fix is searched for when the client
    resolves it. Of several runs, each has its verdict above the line that starts it.
    """
    others = () if view.stale else view.analysis.others
    lenses = [lens for run in others for lens in _verdict(view.of(run), several=True)]
    return [*_of_the_worst(session, view), *lenses]


def _of_the_worst(session: Session, view: View) -> list[types.CodeLens]:
    lenses = _verdict(view, several=bool(view.analysis.others))
    unfit = view.unfit
    if not lenses or unfit is None or view.stale:
        return lenses
    known = session.known_fixes(view.uri, unfit)
    if known is None:
        lenses.append(types.CodeLens(lenses[0].range, data={"uri": view.uri}))
    elif known:
        lenses.append(types.CodeLens(lenses[0].range, command=_make_it_fit(view.uri, known[0])))
    return lenses


def _verdict(view: View, several: bool) -> list[types.CodeLens]:
    """The verdict above the document, or above the line that starts the run; it leads to the breakdown of the
    run that fits least. In a notebook the cell that starts the run has it.
    """
    run, root = view.shown, view.document.root
    if (run.estimate is None and run.cannot is None) or (root is not None and not view.shows(root.span)):
        return []
    place = types.Position(0, 0) if root is None or not several else view.position(root.span.start)
    title = fit_head(run) + (" (as last parsed)" if view.stale else "")
    command = types.Command(title, SHOW_BREAKDOWN, arguments=[view.uri])
    return [types.CodeLens(types.Range(place, place), command=command)]


async def resolve_code_lens(session: Session, lens: types.CodeLens) -> types.CodeLens:
    """The lens with what would make the run fit."""
    data: Any = lens.data
    uri = data.get("uri") if isinstance(data, dict) else None
    view = session.view(uri) if isinstance(uri, str) else None
    if view is None:
        return lens
    fixes = await fit_fixes(session, view)
    if fixes:
        lens.command = _make_it_fit(view.uri, fixes[0])
    else:
        lens.command = types.Command("no known change makes it fit", SHOW_BREAKDOWN, arguments=[view.uri])
    return lens


def _make_it_fit(uri: str, fix: Fix) -> types.Command:
    """The title without its figures: those are told by the fix, and the lens next to this one."""
    title = shorten(fix.title.partition(":")[0], _LONGEST)
    return types.Command(f"make it fit: {title}", MAKE_IT_FIT, arguments=[uri])
