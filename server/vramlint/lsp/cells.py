"""The cells of a notebook in an editor, which are read as one text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vramlint.document.edit import TextEdit
from vramlint.document.node import Span
from vramlint.document.python.cells import SEPARATOR


class Cell(NamedTuple):
    """A cell as the client has it: its URI and version, and where its text is in that of the notebook.
    `line` is its first line there.
    """

    uri: str
    version: int | None
    span: Span
    line: int

    def holds(self, span: Span) -> bool:
        """Whether a stretch of the notebook's text begins in this cell, or in the line above it."""
        return self.span.start - len(SEPARATOR) <= span.start <= self.span.end

    def edit(self, edit: TextEdit) -> TextEdit:
        """An edit that ends in this cell: one by whole lines reaches to the line after its last."""
        if edit.end <= self.span.end:
            return edit
        return TextEdit(edit.start, self.span.end, edit.text.removesuffix("\n"))


def joined(cells: Iterable[tuple[str, int | None, str]]) -> tuple[str, tuple[Cell, ...]]:
    """The text of a notebook from its cells (URI, version, text), and where each is in it."""
    text, line = "", 0
    found: list[Cell] = []
    for uri, version, source in cells:
        source = source.replace("\r\n", "\n").replace("\r", "\n")
        text += SEPARATOR
        found.append(Cell(uri, version, Span(len(text), len(text) + len(source)), line + 1))
        text += source + "\n"
        line += source.count("\n") + 2
    return text.removesuffix("\n"), tuple(found)
