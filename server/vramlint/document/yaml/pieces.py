"""YAML read piece by piece, of which those that the last text held too are not read again.

A piece begins where the outermost mapping has an entry, and inside a long block where its list or its mapping
has one. A piece that can be read alone ends outside of quotes and brackets: what begins in the same column
after it is the next entry. Where the columns do not tell, the text is read as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Literal, TypeAlias

from vramlint.document.comments import hash_spans
from vramlint.document.node import Node, Pair, Span, SyntaxProblem
from vramlint.document.yaml.compose import Anchors, Broken, Composed, assembled, compose, scan
from vramlint.document.yaml.moved import moved, moved_problem, moved_span
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.patterns import pattern

SHORT = 4_000
"""Code points. Shorter texts and blocks are read as one: that takes a millisecond or two."""
_BLOCK_START = pattern(r"[^\s#\-\]})]|---|-\S")
_NEXT_BLOCK = pattern(r"\n(?=[^\s#\-\]})]|---|-\S)")
_SEPARATOR = pattern(r"(?:---|\.\.\.)(?:\s|\Z)")
_OPENING = pattern(r"---(?: *(?:#[^\n]*)?\r?\n)+\Z")
_NO_ENTRY = pattern(r"[?:%&*!|>@`{}\[\],]|<<|---|\.\.\.")
"""What begins something else than a pair, or a pair that takes more than its own lines to read."""
_HEADER = pattern(r"""(?:[A-Za-z_][\w.-]*|"[^"\\\n]*"|'[^'\n]*') *:(?: +#[^\n]*| *)\r?\n""")
_NOTHING = pattern(r"(?:[ ]*(?:#[^\n]*)?\r?\n)*")
_INDENT = pattern(r" *")
_ITEM = pattern(r"-(?=\s)")


Way: TypeAlias = Literal["parser", "lines"]


@dataclass(frozen=True, slots=True)
class Piece:
    """The documents of a piece, what is wrong with it, and where its comments are."""

    documents: Sequence[Node]
    problems: Sequence[SyntaxProblem] = ()
    comments: Sequence[Span] = ()


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """The parts of a text that begin in the first column, with their offsets."""
    yield from _cut(text, [0, *(found.end() for found in _NEXT_BLOCK.finditer(text))])


def _opens(block: str) -> bool:
    """Whether a block is the line above the first document, and comments."""
    return _OPENING.match(block) is not None


def is_separator(block: str) -> bool:
    """Whether a block is the line between two documents."""
    return _SEPARATOR.match(block) is not None


def read_piece(text: str, base: int = 0, anchors: Anchors | None = None, depth: int = 0) -> Piece:
    """A text read as one. Raises Broken."""
    return _piece(text, base, compose(text, base, anchors, depth))


class Pieces:
    """What the pieces of one text hold, kept for its next version."""

    __slots__ = ("_known", "_size")

    def __init__(self) -> None:
        self._known: dict[tuple[str, Way], Piece | Broken] = {}
        """Those used last are at the end."""
        self._size = 0

    def forget(self, most: int) -> None:
        """Keep only what was used last: pieces of at most so many code points."""
        for key in [*self._known] if self._size > most else ():
            if self._size <= most:
                break
            del self._known[key]
            self._size -= len(key[0])

    def whole(self, text: str) -> Piece | None:
        """What a text holds; None where it has to be read as one. Raises Broken."""
        if len(text) < SHORT or "\ufeff" in text:
            return None
        anchors = Anchors()
        read: list[Piece] = []
        try:
            for base, block in blocks(text):
                piece = self._strict(block, base, anchors, 0)
                if _opens(block) and not any(each.documents for each in read):
                    piece = replace(piece, documents=())
                elif _NO_ENTRY.match(block) or (piece.documents and not _BLOCK_START.match(block)):
                    return None
                read.append(piece)
        except Broken:
            scan(text, 0)
            return None
        return _joined(read, "map", text, 0)

    def block(self, text: str, base: int, anchors: Anchors, depth: int = 0) -> Piece:
        """What a block of a broken text holds, as far as its lines show it where it is broken itself."""
        problem: SyntaxProblem | None = None
        try:
            piece = self._strict(text, base, anchors, depth)
            if all(node.kind == "map" or node.value is None for node in piece.documents):
                return piece
            if len(piece.documents) == 1 and piece.documents[0].kind == "seq":
                return piece
        except Broken as broken:
            problem = moved_problem(broken.problem, -base)
        return self._by("lines", lambda at: self._lines(text, at, anchors, depth, problem), text, base)

    def _strict(self, text: str, base: int, anchors: Anchors, depth: int) -> Piece:
        """What a piece holds. Raises Broken."""
        return self._by("parser", lambda at: self._parsed(text, at, anchors, depth), text, base)

    def _by(self, way: Way, read: Callable[[int], Piece], text: str, base: int) -> Piece:
        """What is known of a piece, or is read now; one that sets or uses an anchor is always read. `read`
        takes the offset at which the piece is to begin.
        """
        if "&" in text or "*" in text:
            return read(base)
        known = self._known.pop((text, way), None)
        if known is None:
            self._size += len(text)
            try:
                known = read(0)
            except Broken as broken:
                known = broken
        self._known[text, way] = known
        if isinstance(known, Broken):
            raise Broken(moved_problem(known.problem, base))
        return _moved(known, base)

    def _parsed(self, text: str, base: int, anchors: Anchors, depth: int) -> Piece:
        if depth == 0 and len(text) >= SHORT:
            tried = anchors.copy()
            try:
                piece = _entries(text, base, lambda part, at: self._strict(part, at, tried, 1))
            except Broken:
                scan(text, base)
            else:
                if piece is not None:
                    anchors.take(tried)
                    return piece
        return read_piece(text, base, anchors, depth)

    def _lines(
        self, text: str, base: int, anchors: Anchors, depth: int, problem: SyntaxProblem | None
    ) -> Piece:
        """Only the broken entry of a long block is read line by line."""
        if depth == 0 and len(text) >= SHORT:
            tried = anchors.copy()
            with suppress(Broken):
                piece = _entries(text, base, lambda part, at: self.block(part, at, tried, 1))
                if piece is not None:
                    anchors.take(tried)
                    return piece
        from vramlint.document.yaml.line_reader import read_lines  # late: most texts parse

        problem = problem and moved_problem(problem, base)
        return _piece(text, base, read_lines(text, base, anchors, problem))


def _piece(text: str, base: int, composed: Composed) -> Piece:
    if "#" not in text:
        return Piece(composed.documents, composed.problems)
    comments = hash_spans(text, [moved_span(span, -base) for span in composed.scalars])
    return Piece(composed.documents, composed.problems, [moved_span(span, base) for span in comments])


def _entries(text: str, base: int, read: Callable[[str, int], Piece]) -> Piece | None:
    """A long block, entry by entry; None where that cannot be done. Raises Broken as `read` does."""
    starts = _entry_starts(text)
    if starts is None:
        return None
    head = read_piece(text[: starts[0]], base)
    body = [read(part, base + start) for start, part in _cut(text, starts)]
    value = _joined(body, "seq" if _is_item(text, starts[0]) else "map", text, base)
    if value is None or not value.documents:
        return None
    (block,) = head.documents
    (pair,) = block.pairs
    known = Piece((), value.problems, (*head.comments, *value.comments))
    return _assembled("map", block.span.start, [pair.key, value.documents[0]], known, text, base)


def _joined(pieces: Sequence[Piece], kind: Literal["map", "seq"], text: str, base: int) -> Piece | None:
    """One collection of the entries of all pieces; None where a piece is another one's."""
    nodes = [node for piece in pieces for node in piece.documents]
    if any(len(piece.documents) > 1 for piece in pieces):
        return None
    if any(node.kind != kind or node.style != "block" or node.anchor is not None for node in nodes):
        return None
    parts = (node.items if kind == "seq" else _flat(node.pairs) for node in nodes)
    problems = [problem for piece in pieces for problem in piece.problems]
    comments = [span for piece in pieces for span in piece.comments]
    start = nodes[0].span.start if nodes else base
    joined = _assembled(kind, start, [*chain(*parts)], Piece((), problems, comments), text, base)
    if not any(node.recovered for node in nodes):
        return joined
    return replace(joined, documents=[replace(node, recovered=True) for node in joined.documents])


def _assembled(
    kind: Literal["map", "seq"], start: int, children: list[Node], known: Piece, text: str, base: int
) -> Piece:
    """The collection of some nodes, beside what is known of their text."""
    if not children:
        return known
    composed = assembled(kind, start, children, text, base)
    return Piece(composed.documents, (*known.problems, *composed.problems), known.comments)


def _flat(pairs: Sequence[Pair]) -> Iterator[Node]:
    for pair in pairs:
        yield pair.key
        yield pair.value


def _moved(piece: Piece, delta: int) -> Piece:
    if not delta:
        return piece
    return Piece(
        [moved(node, delta) for node in piece.documents],
        [moved_problem(problem, delta) for problem in piece.problems],
        [moved_span(span, delta) for span in piece.comments],
    )


def _entry_starts(text: str) -> list[int] | None:
    """Where the entries of a block begin below its key; None where that cannot be told by its columns."""
    header = _HEADER.match(text)
    if header is None or "\t" in text:
        return None
    nothing = _NOTHING.match(text, header.end())
    first = nothing.end() if nothing else header.end()
    indent = _indent_end(text, first) - first
    if indent and re.compile(rf"^ {{0,{indent - 1}}}[^\s#]", re.MULTILINE).search(text, first):
        return None
    item = _is_item(text, first)
    mark = _ITEM.pattern if item else r"[^\s#]"
    entry = re.compile(rf"^ {{{indent}}}(?={mark})", re.MULTILINE)
    starts = [found.start() for found in entry.finditer(text, first)]
    if starts[:1] != [first] or len(starts) == 1:
        return None
    if not item and any(_NO_ENTRY.match(text, start + indent) for start in starts):
        return None
    return starts


def _is_item(text: str, start: int) -> bool:
    """Whether the line that begins there is that of an item of a list."""
    return _ITEM.match(text, _indent_end(text, start)) is not None


def _indent_end(text: str, start: int) -> int:
    found = _INDENT.match(text, start)
    return found.end() if found else start


def _cut(text: str, starts: Sequence[int]) -> Iterator[tuple[int, str]]:
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        yield start, text[start:end]
