"""Lines of a text as editors count them, and columns in the three units of the protocol."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, count, repeat
from operator import add
from typing import TypeAlias

from vramlint.document.node import Span
from vramlint.patterns import pattern

Encoding: TypeAlias = str
"""`utf-8`, `utf-16` or `utf-32`: the unit in which a column is counted."""

_BREAK = pattern(r"\r\n|\r|\n")
_ASTRAL = pattern("[\U00010000-\U0010ffff]")


class LineIndex:
    """Turns code point offsets into lines and columns and back. Only LF, CRLF and CR end a line, as the
    protocol has it.

    Nothing raises: positions outside the text or the line are moved to its nearest end.
    """

    __slots__ = ("_ascii", "_astral", "_ends", "_starts", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        if "\r" in text:
            breaks = [found.span() for found in _BREAK.finditer(text)]
            self._starts = [0, *(end for _, end in breaks)]
            self._ends = [*(start for start, _ in breaks), len(text)]
        else:
            self._ends = list(map(add, accumulate(map(len, text.split("\n"))), count()))
            self._starts = [0, *map(add, self._ends[:-1], repeat(1))]
        self._ascii = text.isascii()
        self._astral = not self._ascii and _ASTRAL.search(text) is not None

    @property
    def count(self) -> int:
        """How many lines there are; the empty text has one."""
        return len(self._starts)

    def line(self, offset: int) -> int:
        """The line, from 0, that holds `offset`."""
        return bisect_right(self._starts, max(offset, 0)) - 1

    def line_span(self, line: int) -> Span:
        """The code points of a line without its line break."""
        line = min(max(line, 0), self.count - 1)
        return Span(self._starts[line], self._ends[line])

    def line_character(self, offset: int, encoding: Encoding = "utf-16") -> tuple[int, int]:
        """Line and column, both from 0, of a code point offset."""
        line = self.line(offset)
        start = self._starts[line]
        offset = min(max(offset, start), self._ends[line])
        if self._ascii or encoding == "utf-32":
            return line, offset - start
        if encoding == "utf-8":
            return line, len(self._text[start:offset].encode("utf-8", "surrogatepass"))
        pairs = len(_ASTRAL.findall(self._text, start, offset)) if self._astral else 0
        return line, offset - start + pairs

    def offset(self, line: int, character: int, encoding: Encoding = "utf-16") -> int:
        """The code point offset of a line and column; a column inside a character means its start."""
        if line < 0:
            return 0
        if line >= self.count:
            return len(self._text)
        start, end = self._starts[line], self._ends[line]
        character = max(character, 0)
        if self._ascii or encoding == "utf-32" or (encoding != "utf-8" and not self._astral):
            return min(start + character, end)
        for offset in range(start, end):
            character -= _width(self._text[offset], encoding)
            if character < 0:
                return offset
        return end


def _width(character: str, encoding: Encoding) -> int:
    """Code units of one character."""
    code = ord(character)
    if encoding == "utf-8":
        return 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF)
    return 2 if code > 0xFFFF else 1
