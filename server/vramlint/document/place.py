"""Where a value is decided, in which file, and how it came about."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import Literal, NamedTuple, TypeAlias

from vramlint.document.node import Span

How: TypeAlias = Literal[
    "literal",
    "variable",
    "shell-default",
    "arithmetic",
    "declared-default",
    "call-argument",
    "built-in-steps",
    "loop",
    "env-prefix",
    "scheduler-header",
    "companion",
    "implied",
]
"""How a value came about: written where it is used, through a variable, as the default of `${X:-y}` …"""


class Place(NamedTuple):
    """A piece of a file. `document` is its path as shown to the user; None for the file that is analysed."""

    span: Span
    document: str | None = None


class Room(NamedTuple):
    """A call that takes an argument which is not written yet: where it is, the name of the argument
    (empty: that of its key), and the last argument that the call is given.
    """

    place: Place
    name: str
    last: Place | None = None


class Piece(NamedTuple):
    """A stretch of a snippet from `start` on, and where it came from. `exact`: character by character."""

    start: int
    place: Place
    exact: bool = True


class Snippet(NamedTuple):
    """Text that is in another file, or was put together from several places: a recipe of a Makefile, the
    value of a YAML key, a variable that is run as a command.
    """

    text: str
    pieces: tuple[Piece, ...]

    @classmethod
    def whole(cls, text: str, document: str | None = None) -> Snippet:
        """A file as it is."""
        return cls(text, (Piece(0, Place(Span(0, len(text)), document)),))

    def locate(self, span: Span) -> Place:
        """Where a stretch of the text came from; of several places the first."""
        first = self._piece(span.start)
        last = self._piece(max(span.end - 1, span.start))
        start, end = first.place.span
        if first.exact:
            start += max(span.start - first.start, 0)
        if last.place.document == first.place.document:
            end = last.place.span.end
            if last.exact:
                end = min(last.place.span.start + max(span.end - last.start, 0), end)
        start = min(start, first.place.span.end)
        return Place(Span(start, max(start, end)), first.place.document)

    def part(self, start: int, end: int) -> Snippet:
        """A stretch of the text as a text of its own."""
        pieces: list[Piece] = []
        ends = [piece.start for piece in self.pieces[1:]] + [len(self.text)]
        for piece, until in zip(self.pieces, ends, strict=True):
            first, last = max(piece.start, start), min(until, end)
            if first < last:
                pieces.append(Piece(first - start, self.locate(Span(first, last)), piece.exact))
        nothing = Piece(0, self.locate(Span(start, start)))
        return Snippet(self.text[start:end], tuple(pieces) or (nothing,))

    def _piece(self, offset: int) -> Piece:
        return self.pieces[max(bisect_right(self.pieces, offset, key=_START) - 1, 0)]


_START = attrgetter("start")
