"""How much of a program is followed: what it has at all, what is done with it, and how large its values get.

All of it is counted, so that every machine stops at the same place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from vramlint.lazy_dataclasses import dataclass, field

LONGEST = 10_000
"""Characters of a text, and parts of a list or a dictionary down to the last, that a script puts together."""
LARGEST = 1 << 63
"""Of a whole number."""
TOO_LONG = "too long to follow"
"""Why a longer one is open."""
PARTS = 16
"""Parts of a value or of the tree that are gone through by a piece of work."""
DEEPEST = 150
"""Statements and expressions in one another, those of functions that call each other included."""
TOO_DEEP = "nested too deep to follow"
"""Why a deeper expression is open."""
MOST_WORDS = 100_000
"""Words and signs of all programs and modules that a document leads to: reading as many takes a quarter of a
second and 100 MiB.
"""
MOST_WORK = 40_000
_SHORT = 500
"""Characters of which the words are not counted."""
_OF_TEXT = 20
"""Words that reading a text takes as long as, whatever it holds: a notebook may have any number of cells."""
_WORD = re.compile(r"\w+|[^\w\s]")


class Spent(Exception):
    """There is more in a program than is followed; it says what."""


@dataclass(slots=True)
class Work:
    """What is left for all that one document starts: a statement, an expression, or as long as one takes."""

    left: int = MOST_WORK
    words: int = MOST_WORDS
    cells: dict[tuple[str, str | None], tuple[Any, ...]] = field(default_factory=dict)
    """Of the programs that were read: several launch lines may start one."""

    def spend(self, amount: int = 1) -> None:
        """Do a piece of work. Raises Spent where none is left."""
        self.left -= amount
        if self.left < 0:
            raise Spent(f"more than {MOST_WORK:,} statements and expressions are worked out")

    def holds(self, texts: Sequence[str]) -> bool:
        """Whether there is room for further texts, which is theirs then."""
        many = len(texts) > 1 or sum(map(len, texts)) > _SHORT
        count = sum(map(_words, texts), _OF_TEXT * len(texts)) if many else 0
        fits = count <= self.words
        self.words -= count if fits else 0
        return fits


def copied(length: int) -> int:
    """The work of going through so many parts, or of copying them."""
    return length // PARTS


def _words(text: str) -> int:
    return len(_WORD.findall(text))
