"""Shell text that is put together from pieces of a file of another kind."""

from __future__ import annotations

from vramlint.document.node import Span
from vramlint.document.place import Piece, Place, Snippet


class Builder:
    """Shell text put together from pieces of a file."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._texts: list[str] = []
        self._length = 0

    def take(self, text: str, start: int, end: int) -> None:
        """Text that stands for the stretch from `start` to `end` of the file."""
        self.pieces.append(Piece(self._length, Place(Span(start, end)), len(text) == end - start))
        self._texts.append(text)
        self._length += len(text)

    @property
    def text(self) -> str:
        """All that was taken."""
        return "".join(self._texts)

    def snippet(self) -> Snippet:
        """The text with its places."""
        return Snippet(self.text, tuple(self.pieces) or (Piece(0, Place(Span(0, 0))),))
