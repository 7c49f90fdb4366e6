"""The cells of a notebook, or the one of a script, as text with places in the file."""

from __future__ import annotations

import ast
import re
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache

from vramlint.document.json import parse_json
from vramlint.document.language import Language
from vramlint.document.lines import LineIndex
from vramlint.document.node import Node, Span
from vramlint.document.place import Piece, Place, Snippet
from vramlint.document.python.magics import Magic, magics
from vramlint.document.python.work import MOST_WORDS, Spent, Work
from vramlint.lazy_dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its number in the notebook, its text, and the tree; None where it is no Python."""

    number: int
    snippet: Snippet
    tree: ast.Module | None
    magics: tuple[Magic, ...] = ()
    """Of a notebook: what the cell has for other languages."""
    nodes: Sequence[ast.AST] = ()
    """All nodes of the tree, as `ast.walk` has them."""
    _places: dict[ast.AST, Place] = field(default_factory=dict, repr=False, compare=False)
    """Of what was looked at: functions are followed more than once."""
    _columns: dict[int, Sequence[int]] = field(default_factory=dict, repr=False, compare=False)
    """Of lines with more than ASCII: the character that each byte in UTF-8 belongs to."""

    def locate(self, node: ast.AST) -> Place:
        """Where a node is in the file."""
        place = self._places.get(node)
        if place is None:
            line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
            last, end = getattr(node, "end_lineno", line), getattr(node, "end_col_offset", column)
            span = Span(self._offset(line, column), self._offset(last, end))
            place = self._places[node] = self.snippet.locate(span)
        return place

    def _offset(self, line: int, column: int) -> int:
        """An offset from a line, counted from 1, and a column in UTF-8 bytes, as `ast` has them."""
        text = self.snippet.text
        starts = _starts(text)
        start = starts[min(line, len(starts)) - 1]
        if text.isascii():
            return start + column
        if line not in self._columns:
            end = text.find("\n", start)
            row = text[start : end if end >= 0 else len(text)]
            bytes_of = (index for index, each in enumerate(row) for _ in each.encode(errors="replace"))
            self._columns[line] = array("I", (*bytes_of, len(row)))
        columns = self._columns[line]
        return start + columns[min(column, len(columns) - 1)]


def cells_of(
    text: str, language: Language, document: str | None = None, work: Work | None = None
) -> tuple[Cell, ...]:
    """The cells of a file, each parsed alone: an error in one does not lose the others. `document`: its path
    as shown, where another file is analysed. Raises Spent where they are too long to read.
    """
    work = work or Work()
    cells = work.cells.get((text, document))
    if cells is None:
        alone = ((0, Snippet.whole(text, document)),)
        found = alone if document is not None else tuple(sources(text, language))
        if not work.holds([snippet.text for _, snippet in found]):
            raise Spent(f"more than {MOST_WORDS:,} words and signs")
        notebook = document is None and language == "notebook"
        cells = tuple(_cell(index, snippet, notebook) for index, snippet in found)
        work.cells[text, document] = cells
    return cells


def sources(text: str, language: Language) -> Iterator[tuple[int, Snippet]]:
    """The text of each cell with its number."""
    if language != "notebook":
        yield 0, Snippet.whole(text)
    elif text.startswith(SEPARATOR):
        yield from _separated(text)
    else:
        yield from _of_json(text)


SEPARATOR = "# %%\n"
"""Stands above each cell of a notebook that an editor holds; Jupyter's and Jupytext's own mark."""


def _separated(text: str) -> Iterator[tuple[int, Snippet]]:
    start = len(SEPARATOR)
    for index, part in enumerate(text[start:].split("\n" + SEPARATOR)):
        yield index, Snippet(part, (Piece(0, Place(Span(start, start + len(part)))),))
        start += len(part) + 1 + len(SEPARATOR)


def _cell(index: int, snippet: Snippet, notebook: bool) -> Cell:
    try:
        tree = ast.parse(without_magics(snippet.text) if notebook else snippet.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    nodes = tuple(ast.walk(tree)) if tree is not None else ()
    return Cell(index, snippet, tree, tuple(magics(snippet)) if notebook else (), nodes)


_MAGIC = re.compile(
    r"^[ \t]*((?:[%!?]|[^\n#'\"]*=[ \t]*[%!](?=[a-zA-Z]))(?:[^\n\\]|\\[^\n]|\\\n)*)$", re.MULTILINE
)
"""A line for IPython, with those that it goes on over."""
_OTHER = re.compile(
    r"\A\s*%%(?:bash|sh|system|script|writefile|file|html|javascript|js|latex|markdown|sql|perl|ruby|R|cmd)\b"
)


def without_magics(text: str) -> str:
    """The text with lines for IPython in place of which nothing happens; all offsets stay."""
    if _OTHER.match(text):
        return ""
    return _MAGIC.sub(_nothing, text) if "%" in text or "!" in text else text


def _nothing(found: re.Match[str]) -> str:
    before, magic = found[0][: found.start(1) - found.start()], found[1]
    blank = "".join("\n" if each == "\n" else " " for each in magic)
    first = min(4, magic.find("\n") if "\n" in magic else len(magic))
    return f"{before}{'pass'[:first]}{blank[first:]}"


@lru_cache(maxsize=64)
def _starts(text: str) -> tuple[int, ...]:
    """Where each line starts."""
    return (0, *(found.end() for found in re.finditer("\n", text)))


def _of_json(text: str) -> Iterator[tuple[int, Snippet]]:
    """The code cells of nbformat 4, whose text is a list of lines or one string."""
    cells = _at(parse_json(text, LineIndex(text)).root, "cells")
    for index, cell in enumerate(cells.items if cells is not None else ()):
        kind, source = _at(cell, "cell_type"), _at(cell, "source")
        if kind is None or kind.value != "code" or source is None:
            continue
        built: list[str] = []
        length = 0
        pieces: list[Piece] = []
        for line in source.items if source.kind == "seq" else (source,):
            if isinstance(line.value, str):
                pieces.extend(_pieces(length, text[slice(*line.span)], line.span))
                built.append(line.value)
                length += len(line.value)
        yield index, Snippet("".join(built), tuple(pieces) or (Piece(0, Place(Span(0, 0))),))


def _at(node: Node | None, key: str) -> Node | None:
    """The value at a key of a mapping."""
    pairs = node.pairs if node is not None else ()
    return next((pair.value for pair in reversed(pairs) if pair.key.value == key), None)


_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}|\\.")


def _pieces(at: int, raw: str, span: Span) -> Iterator[Piece]:
    """A JSON string and the text that it stands for: exact but for its escapes."""
    position = 1
    yield Piece(at, Place(Span(span.start + 1, span.end - 1)))
    for escape in _ESCAPE.finditer(raw):
        at += escape.start() - position
        position = escape.end()
        yield Piece(at, Place(Span(span.start + escape.start(), span.start + escape.end())), exact=False)
        at += 1
        yield Piece(at, Place(Span(span.start + position, span.end - 1)))
