"""The witness of the allocator: what it is asked, what counts as a difference, and what it has answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import witnesses
from allocator_oracle.build import build
from allocator_oracle.compare import as_read, difference, events, in_one_loop, loop_difference, replay
from allocator_oracle.jobs import calls_of, jobs
from allocator_oracle.real import Answer
from allocator_oracle.traces import GIB, MIB, Call, drawn

from vramlint.memory.replay.events import WAITS, Taken, on_stream

DATA = json.loads((Path(witnesses.__file__).parent / "data" / "allocator.json").read_text(encoding="utf-8"))
PAIR = [Call("malloc", 1, 3 * MIB), Call("malloc", 2, 30 * MIB, 2), Call("free", 1), Call("free", 2)]


@pytest.mark.parametrize("seed", range(40))
def test_a_trace_is_well_formed_and_within_its_bytes(seed: int) -> None:
    alive: dict[int, int] = {}
    for call in drawn(seed, GIB):
        if call.kind == "malloc":
            assert call.number not in alive
            alive[call.number] = call.size
        elif call.kind == "free":
            del alive[call.number]
        assert sum(alive.values()) <= GIB
    assert drawn(seed, GIB) == drawn(seed, GIB)


@pytest.mark.parametrize("seed", range(40))
def test_both_replays_answer_the_same(seed: int) -> None:
    calls = drawn(seed, GIB, uses=seed % 2 == 1)
    ours = replay("", calls, None, 80 * GIB)
    assert not loop_difference(in_one_loop("", calls, None, 80 * GIB), ours)


def test_calls_as_a_timeline_and_back() -> None:
    assert events(PAIR) == [(1, 3 * MIB), (2, on_stream(2, 30 * MIB)), (1, 0), (2, 0)]
    assert calls_of(events(PAIR) or []) == PAIR
    assert events([Call("empty")]) is None
    used = [PAIR[0], Call("used", 1, stream=1), Call("free", 1), Call("finished", stream=1)]
    assert events(used) == [(1, 3 * MIB), (1, WAITS), (1, 0)]
    waits = [(1, 5), (2, 5), (1, WAITS), (2, WAITS), (2, 0), (1, 0)]
    assert events(calls_of(waits)) == waits
    assert calls_of([(1, 5), (1, 0), (1, 0)]) == [Call("malloc", 1, 5), Call("free", 1)]


def test_what_differs_is_named() -> None:
    same = replay("", PAIR, None, GIB)
    assert not difference(same, same)
    assert "call 1" in difference(Answer([same.after[0], (0, 0)], 0, 0, False), same)
    assert "the replay alone" in difference(replay("", PAIR, 24 * MIB, GIB), same)
    assert "peaks" in difference(Answer(same.after, 1, 1, False), same)
    assert "one loop" in loop_difference(Taken(1, 1), same)


def test_settings_are_told_as_the_library_tells_them() -> None:
    assert as_read("max_split_size_mb:128")[:4] == (0, 128 * MIB, 20 * MIB, 20 * MIB)
    assert as_read("roundup_power2_divisions:4")[4:] == (4,) * 16


def test_without_a_cuda_build_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="a CUDA build of torch"):
        build(tmp_path, [tmp_path], tmp_path / "out")


def test_the_allocator_has_answered_as_the_replay_does() -> None:
    assert len(DATA["traces"]) >= 15
    assert sum(row["calls"] for row in DATA["traces"]) > 1_000_000
    assert not any(row["differences"] for row in DATA["traces"])
    assert {row["job"] for row in DATA["jobs"]} == set(jobs())
    assert all(row["same"] for row in DATA["jobs"])
