"""The replayed allocator against answers of PyTorch's own, frozen by benchmarks/allocator_fuzz.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vramlint.catalog.facts import GIB, MIB
from vramlint.memory.replay.caching_allocator import CachingAllocator, replayed_with
from vramlint.memory.replay.events import WAITS, Event, OutOfMemory, Taken
from vramlint.memory.replay.reserved import EXPANDABLE
from vramlint.memory.replay.settings import INTERVALS, Settings, parsed
from vramlint.memory.replay.standard import expanded, replayed

TRACES = Path(__file__).parent.parent / "data" / "allocator_traces.jsonl"
ROWS = [json.loads(line) for line in TRACES.read_text(encoding="utf-8").splitlines()]
DEVICE = 80 * GIB
UNSLOTH = "expandable_segments:True,roundup_power2_divisions:[32:256,64:128,256:64,>:32]"


@pytest.mark.parametrize(
    "row", ROWS, ids=[f"{row['settings'] or 'default'}-{at}" for at, row in enumerate(ROWS)]
)
def test_frozen_traces(row: dict[str, Any]) -> None:
    events: list[Event] = [(number, size) for number, size in row["events"]]
    ways = [lambda: replayed_with(parsed(row["settings"]), events, row["capacity"], DEVICE)]
    if not row["settings"]:
        ways.append(lambda: replayed(events, row["capacity"]))
    if row["settings"] == "expandable_segments:True" and row["capacity"] is None:
        ways.append(lambda: expanded(events))
    for way in ways:
        if row["taken"] is None:
            with pytest.raises(OutOfMemory):
                way()
        else:
            assert way() == Taken(*row["taken"])


def test_the_frozen_traces_hold_every_kind() -> None:
    settings = {row["settings"] for row in ROWS}
    assert settings > {"", "expandable_segments:True", "max_split_size_mb:128", UNSLOTH}
    for each in settings:
        rows = [row for row in ROWS if row["settings"] == each]
        assert sum(row["taken"] is None for row in rows) >= 2
        assert sum(row["capacity"] is not None for row in rows) >= 6


@st.composite
def traces(draw: st.DrawFn) -> list[Event]:
    sizes = draw(st.lists(st.integers(1, 60 * MIB), min_size=1, max_size=6))
    events: list[Event] = []
    alive: list[int] = []
    for number in range(draw(st.integers(1, 60))):
        if alive and draw(st.booleans()):
            events.append((alive.pop(draw(st.integers(0, len(alive) - 1))), 0))
        else:
            events.append((number, draw(st.sampled_from(sizes))))
            alive.append(number)
    return events


@settings(max_examples=60, deadline=None)
@given(traces(), st.sampled_from(("", "expandable_segments:True", "max_split_size_mb:32")))
def test_reserved_holds_allocated_and_all_goes_back(events: list[Event], text: str) -> None:
    allocator = CachingAllocator(parsed(text))
    blocks = {}
    for number, size in events:
        if size:
            blocks[number] = allocator.malloc(size)
        else:
            allocator.free(blocks.pop(number))
        assert allocator.reserved >= allocator.allocated
    for block in blocks.values():
        allocator.free(block)
    allocator.empty_cache()
    assert (allocator.allocated, allocator.reserved) == (0, 0)


@settings(max_examples=60, deadline=None)
@given(traces())
def test_a_gpu_as_large_as_what_was_taken_is_large_enough(events: list[Event]) -> None:
    taken = replayed(events)
    assert replayed(events, taken.reserved) == taken
    assert replayed_with(Settings(), events) == taken


@st.composite
def traces_that_wait(draw: st.DrawFn) -> list[Event]:
    """Some storages are freed while another stream uses them, and are known to be free later or never."""
    events: list[Event] = []
    waiting: list[int] = []
    for number, size in draw(traces()):
        waits = not size and draw(st.booleans())
        events.append((number, WAITS if waits else size))
        if waits:
            waiting.append(number)
        if waiting and draw(st.booleans()):
            events.append((waiting.pop(0), 0))
    return events


@settings(max_examples=100, deadline=None)
@given(traces_that_wait(), st.floats(0.5, 1))
def test_what_waits_in_one_loop(events: list[Event], share: float) -> None:
    taken = replayed(events)
    assert replayed_with(Settings(), events) == taken
    assert expanded(events) == replayed_with(EXPANDABLE, events)
    capacity = int(share * taken.reserved)
    try:
        within = replayed_with(Settings(), events, capacity)
    except OutOfMemory:
        with pytest.raises(OutOfMemory):
            replayed(events, capacity)
    else:
        assert replayed(events, capacity) == within


def test_what_another_stream_uses_is_not_allocated_and_not_free() -> None:
    """Before memory runs out the allocator waits for the stream."""
    size = 30 * MIB
    events: list[Event] = [(1, size), (1, WAITS), (2, size), (1, 0), (3, size)]
    assert replayed(events) == Taken(2 * size, 2 * size)
    assert replayed(events[:3]) == Taken(size, 2 * size)
    assert replayed(events[:3], size) == Taken(size, size)
    assert replayed(events[:3], size).gave_back
    with pytest.raises(OutOfMemory):
        replayed(events, size)


@settings(max_examples=200, deadline=None)
@given(traces(), st.integers(0, 2**60 - 1), st.sampled_from((None, 0, 40 * MIB, 200 * MIB)))
def test_expandable_segments_in_one_loop(events: list[Event], streams: int, room: int | None) -> None:
    on_streams = [(number, -size if streams >> number % 60 & 1 else size) for number, size in events]
    taken = expanded(on_streams)
    device = None if room is None else taken.reserved + room
    assert expanded(on_streams, device) == replayed_with(EXPANDABLE, on_streams, device=device)


def test_the_end_of_a_range_of_addresses_is_taken_before_a_larger_gap() -> None:
    """120 MiB at the end of the mapped range can grow to the 210 MiB that are left; the gap has 500."""
    events: list[Event] = [
        (1, 500 * MIB),
        (2, 20 * MIB),
        (3, 120 * MIB),
        (1, 0),
        (3, 0),
        (4, 110 * MIB),
        (5, 500 * MIB),
    ]
    assert expanded(events).reserved > expanded(events, 650 * MIB).reserved == 640 * MIB
    assert replayed_with(EXPANDABLE, events, device=650 * MIB) == expanded(events, 650 * MIB)


def test_a_range_without_any_memory_is_given_up() -> None:
    """The next tensor goes where there is memory, not to the lower addresses of the range that is gone."""
    allocator = CachingAllocator(EXPANDABLE, device=64 * MIB)
    first = allocator.malloc(70 * MIB)
    allocator.malloc(30 * MIB)
    allocator.free(first)
    allocator.empty_cache()
    allocator.malloc(25 * MIB)
    assert allocator.reserved == 60 * MIB


def test_a_tensor_larger_than_the_gpu_is_counted_where_there_is_room() -> None:
    settings_of_unsloth = parsed(UNSLOTH)
    events: list[Event] = [(1, 3 * MIB), (2, 90 * MIB), (2, 0), (1, 0)]
    taken = replayed_with(settings_of_unsloth, events, device=40 * MIB)
    assert taken.reserved >= 93 * MIB
    with pytest.raises(OutOfMemory):
        replayed_with(settings_of_unsloth, events, capacity=40 * MIB, device=40 * MIB)


def test_how_much_larger_an_uncut_block_may_be() -> None:
    """As much as a large segment has where nothing is said (torch 2.14)."""
    events: list[Event] = [(1, 200 * MIB), (1, 0), (2, 150 * MIB)]
    for text, reserved in (
        ("", 350),
        (",large_segment_size_mb:64", 200),
        (",max_non_split_rounding_mb:64", 200),
    ):
        assert replayed_with(parsed(f"max_split_size_mb:128{text}"), events).reserved == reserved * MIB


def test_settings_by_name() -> None:
    assert parsed("") == Settings()
    assert parsed("expandable_segments:True, max_split_size_mb:128") == Settings(True, 128 * MIB)
    assert parsed("garbage_collection_threshold:0.8,backend:native") == Settings()
    assert parsed("roundup_power2_divisions:4").divisions == (4,) * INTERVALS
    assert parsed("roundup_power2_divisions:[>:8]").divisions == (0, *(8,) * (INTERVALS - 1))
    assert parsed("max_split_size_mb:512.5").max_split == 512 * MIB
    assert parsed("max_split_size_mb:-1") == Settings()
    table = parsed(UNSLOTH).divisions
    assert parsed(UNSLOTH).expandable
    assert (table[0], table[5], table[6], table[8], table[9]) == (256, 256, 128, 64, 32)
