"""What a document's run needs more, or less, than the one in the last commit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from vramlint.compare.difference import Difference, Setting, side
from vramlint.explain.format import LABELS, size
from vramlint.explain.format import difference as signed
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.escape import markdown
from vramlint.lint.format import gib, shorten
from vramlint.lint.result import Analysis
from vramlint.lsp import git
from vramlint.lsp.background import beside
from vramlint.lsp.session import Session
from vramlint.lsp.view import View

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


def compared(now: Analysis, before: Before) -> Difference:
    """Both runs, by the count of tensors."""
    name = (now.document.path or "untitled").replace("\\", "/").rpartition("/")[2]
    return Difference(side(name, before.analysis, by_count=True), side(name, now, by_count=True))


def difference(now: Analysis, before: Before) -> dict[str, Any] | None:
    """What changed, in bytes and in words; None without figures."""
    found = compared(now, before)
    more = found.change_bytes
    if more is None or found.before is None or found.after is None:
        return None
    sign = "+" if more > 0 else "−"
    return {
        "commit": before.commit,
        "device_bytes_then": found.before.device_bytes,
        "device_bytes": found.after.device_bytes,
        "difference_bytes": more,
        "said": f"{sign}{size(abs(more))} since the last commit" if abs(more) >= _NOTHING else "",
    }


def page(now: Analysis, before: Before) -> str:
    """Both runs beside each other, as Markdown."""
    found, told = compared(now, before), difference(now, before)
    title = f"# {markdown(found.path)} since {before.commit}"
    if told is None:
        missing = "the committed" if before.analysis.estimate is None else "this"
        return f"{title}\n\nno estimate of {missing} version"
    said = told["said"] or "the same memory as in the last commit"
    blocks = [title, f"**{said}**", "\n".join(_rows(found, told, before.commit))]
    if found.settings:
        head = f"| | {before.commit} | now |\n|:--|:--|:--|"
        blocks.append("\n".join((head, *map(_setting, found.settings))))
    return "\n\n".join(blocks) + "\n"


def _rows(found: Difference, told: dict[str, Any], commit: str) -> Iterator[str]:
    yield f"| GiB per GPU at the peak | {commit} | now | |"
    yield "|:--|--:|--:|--:|"
    for part, before, after in found.components:
        yield f"| {LABELS[part]} | {gib(before)} | {gib(after)} | {_signed(after - before)} |"
    cells = (gib(told["device_bytes_then"]), gib(told["device_bytes"]), _signed(told["difference_bytes"]))
    yield "| **total** | " + " | ".join(f"**{cell}**" if cell else "" for cell in cells) + " |"


def _signed(more: int) -> str:
    return "" if abs(more) < _NOTHING else signed(more)


def _setting(setting: Setting) -> str:
    cells = (markdown(shorten(value or "none")) for value in (setting.before, setting.after))
    return f"| {markdown(setting.key)} | {' | '.join(cells)} |"
