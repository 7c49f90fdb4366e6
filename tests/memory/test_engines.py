"""The memory model beside bytes that were counted on real sharding engines (benchmarks/engines.py)."""

from __future__ import annotations

from typing import Any

import pytest
import witnesses
from witnesses import fsdp_job, rows_of

from vramlint.memory import estimate_job
from vramlint.memory.replay.reserved import Replay
from vramlint.memory.replay.standard import replayed

ROWS = rows_of("engines")


def label(row: dict[str, Any]) -> str:
    """What distinguishes a row."""
    return witnesses.label(row, "bytes")


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_a_step_of_a_real_engine(row: dict[str, Any]) -> None:
    estimate = estimate_job(fsdp_job(row))
    shards = estimate.components["weights"]
    assert estimate.peak_allocated_bytes - shards == pytest.approx(max(row["bytes"].values()), rel=0.003)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row["engine"] == "fsdp2" and not row.get("one_root")], ids=label
)
@pytest.mark.parametrize("phase", ["forward", "backward", "optimizer"])
def test_each_phase_of_fsdp2(row: dict[str, Any], phase: str) -> None:
    estimate = estimate_job(fsdp_job(row))
    counted = estimate.phase_peaks[phase] - estimate.components["weights"]
    assert counted == pytest.approx(row["bytes"][phase], rel=0.003)


@pytest.mark.parametrize("row", [row for row in ROWS if row.get("wrap") != "none"], ids=label)
def test_the_replay_allocates_what_a_real_engine_does(row: dict[str, Any]) -> None:
    """Weights that come while the unit before runs, gradients that leave while the next does, and whole
    gradients that go unit by unit, in its last micro batch.
    """
    estimate = estimate_job(fsdp_job(row))
    assert estimate.replay is not None
    replay = estimate.replay()
    assert isinstance(replay, Replay)
    alive = replayed(replay.events()).allocated
    assert alive == pytest.approx(estimate.peak_allocated_bytes, rel=0.002)
