"""What the caching allocator does in runs of each kind, as sums that a reader can compare: every storage of
two steps, and what it takes from the driver with room, without, and under other settings.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from dialect_seeds import with_values
from test_field_effects import JOB, MIXED, MODELS, RUNS

from vramlint.dialects.kit.dialect import Context
from vramlint.memory.model import estimate_job
from vramlint.memory.replay.events import STREAM, WAITS
from vramlint.memory.replay.reserved import Replay

THOROUGH = "dense", "flat"
"""Runs in which every change is tried; in the others, whose models are larger, the first ones."""
CHANGES: tuple[Mapping[str, Any], ...] = (
    {},
    {"packing": True, "gradient_accumulation_steps": 3},
    {"allocator": "max_split_size_mb:128,garbage_collection_threshold:0.6"},
    {"gradient_checkpointing": "full"},
    {"optimizer": "adafactor"},
    {"optimizer": "paged_adamw_8bit"},
    {"optimizer_in_backward": True},
    {"precision.autocast": "none", "precision.master_weights": "float32"},
    {"activation_offload": True},
    {"parallel.offload": "both"},
    {"parallel.sharding": "grad-op"},
    {"allocator": "expandable_segments:True"},
    {"allocator": "roundup_power2_divisions:8"},
)


def told(run: Mapping[str, Any]) -> str:
    """One line."""
    job = JOB.read(run, Context(MODELS)).job
    assert job is not None
    replay = estimate_job(job).replay
    assert replay is not None
    made = replay()
    assert isinstance(made, Replay)
    sizes: dict[int, int] = {}
    current = summed = 0
    events = list(made.events())
    for number, size in events:
        if size not in (0, WAITS):
            sizes[number] = abs(size) % STREAM
            current += sizes[number]
        else:
            current -= sizes.pop(number, 0)
        summed += current
    held, room = summed // len(events), made.with_room()
    taken = (
        f"takes {room:,}, {made.equal():,} with equal rows, {made.within(room * 9 // 10):,} of nine tenths"
    )
    return f"{len(events)} events, {held:,} bytes on average; {taken}"


@pytest.mark.parametrize("name", RUNS)
def test_what_a_replay_takes(name: str, snapshot: Callable[[str, str], None]) -> None:
    run = with_values(MIXED, RUNS[name])
    changes = CHANGES if name in THOROUGH else CHANGES[:3]
    lines = [f"{dict(change)}: {told(with_values(run, change))}" for change in changes]
    snapshot(f"replay-{name}.txt", "\n".join(lines) + "\n")
