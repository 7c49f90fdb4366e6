"""vramlint's own timelines of whole runs, on the real allocator."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from speed import dense_8b, dense_70b, mixture_671b, model, qlora_8b

from allocator_oracle.real import Allocator
from allocator_oracle.traces import GIB, MIB, STREAMS, Call
from vramlint.job import Adapter, Buckets, Parallel, TrainingJob
from vramlint.memory import estimate_job
from vramlint.memory.replay.caching_allocator import replayed_with
from vramlint.memory.replay.events import STREAM, WAITS, Event, OutOfMemory, Taken
from vramlint.memory.replay.reserved import Replay, lengths_vary
from vramlint.memory.replay.settings import parsed

SETTINGS = ("", "expandable_segments:True", "max_split_size_mb:128", "roundup_power2_divisions:16")
DEVICE = 2048 * GIB
"""More than any of the jobs takes."""
MOST_STREAMS = 1024
"""What cudart.c tells apart."""
BELOW = 2 * MIB
"""The least step in which a driver gives memory to standard segments."""


def jobs() -> dict[str, TrainingJob]:
    """Runs of several kinds, by what distinguishes them."""
    dense = dense_8b()
    qwen = replace(dense, model=model("Qwen/Qwen2.5-1.5B"), micro_batch_size=4, sequence_length=1024)
    adapted = replace(dense, model=model("Qwen/Qwen3-30B-A3B"), method="lora", adapter=Adapter(r=16))
    zero3 = Parallel("zero3", data=8, buckets=Buckets(overlap_comm=True))
    return {
        "8 B, all weights": dense,
        "8 B, QLoRA": qlora_8b(),
        "1.5 B, no checkpointing, lengths vary": replace(qwen, gradient_checkpointing="none", loop="trainer"),
        "30 B mixture, LoRA": adapted,
        "8 B, ZeRO 3 on 8 GPUs": replace(dense, parallel=zero3),
        "70 B, FSDP 2 on 8 GPUs": dense_70b(),
        "671 B mixture on 2,048 GPUs": mixture_671b(),
    }


def calls_of(events: Sequence[Event]) -> list[Call]:
    """A timeline as calls; what is freed twice is freed once. What waits for another stream is used on one of
    its own, so that each finishes by itself.
    """
    alive: set[int] = set()
    waiting: dict[int, int] = {}
    others = itertools.cycle(range(max(STREAMS) + 1, MOST_STREAMS))
    calls = []
    for number, size in events:
        if size == WAITS:
            alive.remove(number)
            waiting[number] = next(others)
            calls += [Call("used", number, stream=waiting[number]), Call("free", number)]
        elif size:
            further, bytes_of = (-1, size) if size > 0 else divmod(-size, STREAM)
            alive.add(number)
            calls.append(Call("malloc", number, bytes_of, 1 + further))
        elif number in waiting:
            calls.append(Call("finished", stream=waiting.pop(number)))
        elif number in alive:
            alive.remove(number)
            calls.append(Call("free", number))
    return calls


def compared(library: Path) -> list[dict[str, Any]]:
    """A row for each job and setting: what the allocator really takes, the least that the replay can do with,
    and whether the allocator can too, but not with 2 MiB less.
    """
    rows: list[dict[str, Any]] = []
    for settings in SETTINGS:
        allocator = Allocator(library, settings, DEVICE)
        rows += [{"job": name, **_row(allocator, job)} for name, job in jobs().items()]
        allocator.close()
    return rows


def _row(allocator: Allocator, job: TrainingJob) -> dict[str, Any]:
    estimate = estimate_job(job)
    assert estimate.replay is not None
    found = estimate.replay()
    assert isinstance(found, Replay)
    events = found.events(lengths_vary(job))
    calls = calls_of(events)
    ours = _taken(allocator.settings, events, None)
    real = allocator.run(calls).result()
    assert ours is not None
    least = _least(allocator.settings, events, ours)
    enough, short = (allocator.run(calls, least - less).result() for less in (0, BELOW))
    equal = (ours.allocated, ours.reserved) == (real.allocated, real.reserved)
    return {
        "settings": allocator.settings,
        "calls": len(calls),
        "allocated": real.allocated,
        "reserved": real.reserved,
        "least": least,
        "same": equal and short.out_of_memory and not enough.out_of_memory,
    }


def _taken(settings: str, events: Sequence[Event], capacity: int | None) -> Taken | None:
    try:
        return replayed_with(parsed(settings), events, capacity, DEVICE)
    except OutOfMemory:
        return None


def _least(settings: str, events: Sequence[Event], taken: Taken) -> int:
    """The least that a driver must give, in steps of 2 MiB, by the replay."""
    low, high = taken.allocated // BELOW - 1, -(-taken.reserved // BELOW)
    while high - low > 1:
        middle = (low + high) // 2
        if _taken(settings, events, middle * BELOW) is None:
            low = middle
        else:
            high = middle
    return high * BELOW
