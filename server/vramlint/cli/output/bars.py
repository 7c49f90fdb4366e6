"""Bars of parts that add up: each begins where the one above ended, so that the eye adds as the bytes do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Bar(NamedTuple):
    """One part, `width` cells at most with what is to the left of it.

    `within` the limit it is solid, `beyond` it is not.
    """

    offset: int
    within: int
    beyond: int

    def __str__(self) -> str:
        """Drawn with blocks; a part too small for a cell shows as a sliver."""
        drawn = "█" * self.within + "▒" * self.beyond
        return " " * self.offset + (drawn or "▏")


def staircase(parts: Sequence[int], limit: int | None, width: int) -> tuple[list[Bar | None], int | None]:
    """The bars of the parts, None for empty ones, and the cell at which the limit is."""
    scale = max(sum(parts), limit or 0, 1) / width
    mark = None if limit is None else round(limit / scale)
    bars: list[Bar | None] = []
    start = 0
    for part in parts:
        left, right = round(start / scale), round((start + part) / scale)
        inside = right if mark is None else min(max(mark, left), right)
        bars.append(Bar(left, inside - left, right - inside) if part > 0 else None)
        start += part
    return bars, mark
