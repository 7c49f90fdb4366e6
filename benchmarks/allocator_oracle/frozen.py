"""Short traces with the real allocator's answers, for tests that run wherever the repository is."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from allocator_oracle.compare import events
from allocator_oracle.real import Allocator
from allocator_oracle.traces import GIB, capacities, drawn

DEVICE = 80 * GIB
WANTED = {"room": 2, "gave back": 4, "out of memory": 2}
"""Of each setting: with room, with less than it takes with room, and with too little."""


def freeze(library: Path, settings: Iterable[str], into: Path) -> None:
    """Write them."""
    rows = [json.dumps(row, separators=(",", ":")) for each in settings for row in _rows(library, each)]
    into.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _rows(library: Path, settings: str) -> Iterator[dict[str, Any]]:
    allocator, missing, seed = Allocator(library, settings, DEVICE), dict(WANTED), 0
    while any(missing.values()):
        seed += 1
        calls = drawn(seed, 2 * GIB, longest=70)
        said = events(calls)
        if said is None:
            continue
        room = allocator.run(calls).result()
        for capacity in capacities(random.Random(seed), room.reserved):
            answer = allocator.run(calls, capacity).result()
            kind = "out of memory" if answer.out_of_memory else "room" if capacity is None else "gave back"
            if not missing[kind] or (kind == "gave back" and answer.reserved == room.reserved):
                continue
            missing[kind] -= 1
            taken = None if answer.out_of_memory else [answer.allocated, answer.reserved]
            yield {"settings": settings, "capacity": capacity, "events": said, "taken": taken}
            break
    allocator.close()
