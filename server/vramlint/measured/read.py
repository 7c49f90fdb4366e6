"""From what is given after `--measured` to figures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from vramlint.files import Unreadable, read_bytes
from vramlint.measured.figures import Measured, NotAMeasurement, Total
from vramlint.measured.snapshot import of_snapshot, unpickled
from vramlint.measured.trainer_state import of_trainer

LIMIT = 512 * 2**20
"""Bytes of a file that is read: snapshots have several kilobytes an allocation."""
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]i?B|B)\s*", re.IGNORECASE)
_UNITS = {"": 1, "K": 1, "M": 2, "G": 3, "T": 4}


def read_measured(text: str, total: Total) -> Measured:
    """The figures of a size ("41.2GiB", "44,100 MiB"), a trainer_state.json or a memory snapshot. `total`
    says what a bare size is of. Raises NotAMeasurement.
    """
    found = _SIZE.fullmatch(text.replace(",", ""))
    if found:
        return Measured(total, _bytes(float(found[1]), found[2]))
    try:
        data = read_bytes(text, LIMIT)
    except Unreadable as error:
        raise NotAMeasurement(
            f"{text}: {error}; give a size such as 41.2GiB, a trainer_state.json or a memory snapshot"
        ) from None
    try:
        values = unpickled(data) if data[:1] == b"\x80" else json.loads(data)
    except (ValueError, RecursionError):
        raise NotAMeasurement(f"{text}: neither JSON nor a memory snapshot") from None
    if isinstance(values, Mapping) and "segments" in values:
        return of_snapshot(values)
    if isinstance(values, Mapping) and "log_history" in values:
        return of_trainer(values)
    raise NotAMeasurement(f"{text}: neither a trainer_state.json nor a memory snapshot")


def _bytes(number: float, unit: str) -> int:
    """Bytes of a size: KiB, MiB, GiB by 1024, KB, MB, GB by 1000."""
    letter = unit[0].upper() if unit.upper() != "B" else ""
    return int(number * (1024 if "i" in unit.lower() else 1000) ** (_UNITS[letter] if letter else 0))
