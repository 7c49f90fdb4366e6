"""The cells of a notebook, or the one of a script, as text with places in the file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from vramlint.document.document import Document
from vramlint.document.node import Span
from vramlint.document.place import Piece, Place, Snippet


class Cell(NamedTuple):
    """A cell: its number in the notebook, its text, and the tree; None where it is no Python."""

    number: int
    snippet: Snippet
    tree: ast.Module | None

    def locate(self, node: ast.AST) -> Place:
        """Where a node stands in the file."""
        return self.snippet.locate(_span(self.snippet.text, node))


def cells_of(text: str, path: str) -> tuple[Cell, ...]:
    """The cells of a file by its name."""
    if not path.endswith(".ipynb"):
        return (_cell(0, Snippet.whole(text)),)
    return tuple(_cell(index, snippet) for index, snippet in _sources(text, path))


def _cell(index: int, snippet: Snippet) -> Cell:
    try:
        tree = ast.parse(without_magics(snippet.text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    return Cell(index, snippet, tree)


_MAGIC = re.compile(r"^([ \t]*)(?:[%!?][^\n]*|[^\n#'\"]*=[ \t]*[%!][a-zA-Z][^\n]*)$", re.MULTILINE)
_OTHER = re.compile(r"\A\s*%%(?:bash|sh|script|writefile|html|javascript|js|latex|markdown|sql)\b")


def without_magics(text: str) -> str:
    """The text with lines for IPython in place of which nothing happens; all offsets stay."""
    if _OTHER.match(text):
        return ""
    return (
        _MAGIC.sub(
            lambda found: (
                found[1] + "pass"[: len(found[0]) - len(found[1])].ljust(len(found[0]) - len(found[1]))
            ),
            text,
        )
        if "%" in text or "!" in text
        else text
    )


def _span(text: str, node: ast.AST) -> Span:
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
    last, end = getattr(node, "end_lineno", line), getattr(node, "end_col_offset", column)
    return Span(_offset(text, line, column), _offset(text, last, end))


@lru_cache(maxsize=4)
def _starts(text: str) -> tuple[int, ...]:
    """Where each line starts."""
    return (0, *(found.end() for found in re.finditer("\n", text)))


def _offset(text: str, line: int, column: int) -> int:
    """An offset from a line, counted from 1, and a column in UTF-8 bytes, as `ast` has them."""
    starts = _starts(text)
    start = starts[min(line, len(starts)) - 1]
    end = text.find("\n", start)
    row = text[start : end if end >= 0 else len(text)]
    return start + (column if row.isascii() else len(row.encode()[:column].decode(errors="ignore")))


def _sources(text: str, path: str) -> Iterator[tuple[int, Snippet]]:
    """The code cells of nbformat 4, whose text is a list of lines or one string."""
    document = Document.parse(text, path, "json")
    values = document.values()
    cells: Any = values.get("cells") if isinstance(values, Mapping) else None
    for index, cell in enumerate(cells if isinstance(cells, list) else ()):
        if not isinstance(cell, Mapping) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source")
        keys: list[tuple[str | int, ...]] = [("cells", index, "source")]
        lines = [source]
        if isinstance(source, list):
            keys = [("cells", index, "source", number) for number in range(len(source))]
            lines = source
        built = ""
        pieces: list[Piece] = []
        for key, line in zip(keys, lines, strict=True):
            if isinstance(line, str):
                span = document.value_span(key) or Span(0, 0)
                pieces.extend(_pieces(len(built), line, text[span.start : span.end], span))
                built += line
        yield index, Snippet(built, tuple(pieces) or (Piece(0, Place(Span(0, 0))),))


_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}|\\.")


def _pieces(at: int, line: str, raw: str, span: Span) -> Iterator[Piece]:
    """A JSON string and the text that it stands for: exact but for its escapes."""
    position = 1
    yield Piece(at, Place(Span(span.start + 1, span.end - 1)))
    for escape in _ESCAPE.finditer(raw):
        at += escape.start() - position
        position = escape.end()
        yield Piece(at, Place(Span(span.start + escape.start(), span.start + escape.end())), exact=False)
        at += 1
        yield Piece(at, Place(Span(span.start + position, span.end - 1)))
