"""The memory model beside bytes that were counted on real sharding engines (benchmarks/engines.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vramlint.catalog.facts import Model
from vramlint.job import Parallel, Precision, TrainingJob
from vramlint.memory import estimate_job

ROWS = json.loads((Path(__file__).parents[2] / "benchmarks" / "data" / "engines.json").read_text())


def label(row: dict[str, Any]) -> str:
    """What distinguishes a row."""
    return " ".join(f"{name}={value}" for name, value in row.items() if name != "bytes")


def job_of(row: dict[str, Any]) -> TrainingJob:
    """The job that a row counted one rank of."""
    config = {
        "hidden_size": 256,
        "intermediate_size": 1024,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "num_hidden_layers": row.get("layers", 6),
        "vocab_size": row.get("vocabulary", 4096),
        "tie_word_embeddings": row.get("tied", False),
    }
    return TrainingJob(
        Model("small", "llama", config),
        precision=Precision(weights="float32"),
        optimizer="sgd",
        sequence_length=8,
        gradient_accumulation_steps=row.get("batches", 1),
        gradient_checkpointing="full",
        parallel=Parallel(
            row["engine"],
            data=8,
            param_dtype="bfloat16",
            reduce_dtype=row["reduce"],
            sharding="full" if row.get("resharded", True) else "grad-op",
            sync_each_batch=row.get("synced"),
        ),
        versions={"accelerate": "1.14"} if row.get("one_root") else {},
    )


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_a_step_of_a_real_engine(row: dict[str, Any]) -> None:
    estimate = estimate_job(job_of(row))
    shards = estimate.components["weights"]
    assert estimate.peak_allocated_bytes - shards == pytest.approx(max(row["bytes"].values()), rel=0.003)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row["engine"] == "fsdp2" and not row.get("one_root")], ids=label
)
@pytest.mark.parametrize("phase", ["forward", "backward", "optimizer"])
def test_each_phase_of_fsdp2(row: dict[str, Any], phase: str) -> None:
    estimate = estimate_job(job_of(row))
    counted = estimate.phase_peaks[phase] - estimate.components["weights"]
    assert counted == pytest.approx(row["bytes"][phase], rel=0.003)
