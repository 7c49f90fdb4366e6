"""Amounts of memory as people write them."""

from __future__ import annotations

import re
from typing import Any

from vramlint.patterns import pattern

_AMOUNT = pattern(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(?:([KMGT])(i?)B?)\s*", re.IGNORECASE)
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}


def memory_bytes(value: Any) -> int | None:
    """Bytes of "512GiB", "80 GB", "24576 MiB" or a plain number of bytes; None for all else, zero included.

    GB are powers of ten and GiB powers of two; a bare "512G" is read as GiB, as schedulers mean it.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value) if 0 < value < 2**60 else None
    match = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    decimal = not match[3] and match[0].rstrip().lower().endswith("b")
    size = int(float(match[1]) * (1000 if decimal else 1024) ** _POWERS[match[2].lower()])
    return size or None
