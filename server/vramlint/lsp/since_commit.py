"""What a document's run needs more, or less, than the one in the last commit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from vramlint.analysis.trial import value_of
from vramlint.explain.format import LABELS, size, value_text
from vramlint.explain.format import difference as signed
from vramlint.job import TrainingJob
from vramlint.job_fields import FIELDS
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.escape import markdown
from vramlint.lint.format import gib, shorten
from vramlint.lint.result import Analysis
from vramlint.lsp import git
from vramlint.lsp.background import beside
from vramlint.lsp.session import Session
from vramlint.lsp.view import View
from vramlint.memory.estimate import Estimate

_MOST_KEPT = 64
_NOTHING = 2**24
"""Bytes. Less than 16 MiB is no news."""


@dataclass(frozen=True, slots=True)
class Before:
    """The run as it was committed."""

    commit: str
    analysis: Analysis


class Commits:
    """Committed runs, each analysed once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[tuple[str, str, int], Analysis] = {}

    async def before(self, view: View) -> Before | None:
        """The run of a document at HEAD; None where there is none."""
        path = view.document.path
        return None if path is None else await beside(partial(self._look, path))

    def _look(self, path: str) -> Before | None:
        found = git.committed(path)
        if found is None:
            return None
        key = (path, found.blob, self._session.generation)
        if key not in self._known:
            data = git.content(path, found.blob)
            if data is None:
                return None
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[key] = self._session.look_at(path, data).analysis
        return Before(found.commit, self._known[key])

    async def difference(self, uri: object, trusted: object) -> dict[str, Any] | None:
        """What changed since the commit; None where git is not to be asked, or has no such file."""
        view = self._session.view(uri) if isinstance(uri, str) and trusted is True else None
        before = await self.before(view) if view else None
        return difference(view.shown, before) if view and before else None

    async def page(self, uri: object, trusted: object) -> str | None:
        """Both runs beside each other, as Markdown."""
        view = self._session.view(uri) if isinstance(uri, str) and trusted is True else None
        if view is None:
            return None
        before = await self.before(view)
        return "this file is in no commit" if before is None else page(view.shown, before)


def difference(now: Analysis, before: Before) -> dict[str, Any] | None:
    """What changed, in bytes and in words, by the count of tensors on both sides; None without figures."""
    if now.estimate is None or before.analysis.estimate is None:
        return None
    then, here = before.analysis.estimate.rough.device_bytes, now.estimate.rough.device_bytes
    more = here - then
    sign = "+" if more > 0 else "−"
    said = f"{sign}{size(abs(more))} since the last commit" if abs(more) >= _NOTHING else ""
    return {
        "commit": before.commit,
        "device_bytes_then": then,
        "device_bytes": here,
        "difference_bytes": more,
        "said": said,
    }


def page(now: Analysis, before: Before) -> str:
    """Both runs beside each other, as Markdown."""
    name = (now.document.path or "untitled").replace("\\", "/").rpartition("/")[2]
    then, here = before.analysis.estimate, now.estimate
    title = f"# {markdown(name)} since {before.commit}"
    if then is None or here is None:
        return f"{title}\n\nno estimate of {'the committed' if then is None else 'this'} version"
    told = difference(now, before)
    said = (told and told["said"]) or "the same memory as in the last commit"
    changed = list(_changed(before.analysis.job, now.job))
    blocks = [title, f"**{said}**", "\n".join(_rows(then.rough, here.rough, before.commit))]
    if changed:
        blocks.append("\n".join(["| | " + before.commit + " | now |", "|:--|:--|:--|", *changed]))
    return "\n\n".join(blocks) + "\n"


def _rows(then: Estimate, here: Estimate, commit: str) -> Iterator[str]:
    yield f"| GiB per GPU at the peak | {commit} | now | |"
    yield "|:--|--:|--:|--:|"
    for part in dict.fromkeys((*then.parts, *here.parts)):
        before, after = then.components.get(part, 0), here.components.get(part, 0)
        yield f"| {LABELS[part]} | {gib(before)} | {gib(after)} | {_signed(after - before)} |"
    before, after = then.device_bytes, here.device_bytes
    yield f"| **total** | **{gib(before)}** | **{gib(after)}** | **{_signed(after - before)}** |"


def _signed(more: int) -> str:
    return "" if abs(more) < _NOTHING else signed(more)


def _changed(then: TrainingJob | None, now: TrainingJob | None) -> Iterator[str]:
    """The fields of the run that differ."""
    for name in FIELDS if then and now else ():
        before, after = value_of(then, name), value_of(now, name)  # type: ignore[arg-type]
        plain = all(isinstance(each, str | int | float | bool | None) for each in (before, after))
        if plain and before != after:
            cells = tuple(markdown(shorten(value_text(each))) for each in (before, after))
            yield f"| {name} | {cells[0]} | {cells[1]} |"
