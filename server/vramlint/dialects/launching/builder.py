"""Shell text that is put together from pieces of a file of another kind."""

from __future__ import annotations

from vramlint.document.node import Span
from vramlint.document.place import Piece, Place, Snippet


class Builder:
    """Shell text put together from pieces of a file."""

    def __init__(self) -> None:
        self.text = ""
        self.pieces: list[Piece] = []

    def take(self, text: str, start: int, end: int) -> None:
        """Text that stands for the stretch from `start` to `end` of the file."""
        self.pieces.append(Piece(len(self.text), Place(Span(start, end)), len(text) == end - start))
        self.text += text

    def snippet(self) -> Snippet:
        """The text with its places."""
        return Snippet(self.text, tuple(self.pieces) or (Piece(0, Place(Span(0, 0))),))
