"""Pipelines by hand: micro batches in flight, gradients and gathered weights of a stage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vramlint.catalog.facts import Model
from vramlint.job import Parallel, Precision, TrainingJob
from vramlint.memory import Estimate, estimate_job

HIDDEN, LAYERS, TOKENS = 1024, 128, 16384
EACH = LAYERS // 4
CONFIG = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "intermediate_size": 4096,
    "vocab_size": 512,
}
LAYER = 4 * HIDDEN**2 + 3 * HIDDEN * 4096 + 2 * HIDDEN
INPUTS = (EACH + 1) * 2 * TOKENS * HIDDEN
"""Bytes that a stage keeps for a micro batch: the input of each checkpointed layer, and what it sends on."""
JOB = TrainingJob(
    Model("small", "llama", CONFIG),
    precision=Precision(weights="bfloat16"),
    optimizer="sgd",
    sequence_length=TOKENS,
    gradient_checkpointing="full",
    attention="flash_attention_2",
    loss="fused-linear",
    loop="freed",
)


def estimate(batches: int, **parallel: Any) -> Estimate:
    return estimate_job(
        replace(JOB, gradient_accumulation_steps=batches, parallel=Parallel(**{"pipeline": 4, **parallel}))
    )


def test_no_more_micro_batches_are_in_flight_than_there_are() -> None:
    """Four stages: each further micro batch keeps the inputs of a stage's layers, until there are four."""
    forward = [estimate(batches, strategy="zero3").phase_peaks["forward"] for batches in (2, 3, 4, 5, 8)]
    assert forward[1] - forward[0] == pytest.approx(INPUTS, rel=0.02)
    assert forward[2] - forward[1] == pytest.approx(INPUTS, rel=0.02)
    assert forward[2] == forward[3] == forward[4]


@pytest.mark.parametrize(
    ("order", "stages"),
    [
        ({"schedule": "1f1b"}, 4),
        ({"schedule": "zero-bubble"}, 4),
        ({"schedule": "interleaved", "virtual_pipeline": 2}, 11 / 2),
    ],
)
def test_the_order_decides_how_many(order: dict[str, Any], stages: float) -> None:
    """Interleaved in two chunks, the first stage runs 2·3 + 4 + 1 = 11 chunks first."""
    one = estimate(1, strategy="zero3").phase_peaks["forward"]
    many = estimate(12, strategy="zero3", **order).phase_peaks["forward"]
    assert many - one == pytest.approx((stages - 1) * INPUTS, rel=0.02)


def test_gpipe_runs_all_forward_first() -> None:
    """On the last stage too, whose micro batches keep the most."""
    one, many = (estimate(12, strategy="zero3", schedule=name) for name in ("1f1b", "gpipe"))
    assert many.phase_peaks["forward"] - one.phase_peaks["forward"] > 8 * INPUTS


def test_a_single_micro_batch_makes_its_gradients_once() -> None:
    """They are there when backward ends, not before it begins."""
    one = estimate(1)
    assert one.components["gradients"] == pytest.approx(2 * EACH * LAYER, rel=0.03)
    assert one.phase_peaks["backward"] < one.phase_peaks["forward"] + 2 * EACH * LAYER


def test_gathered_weights_serve_all_micro_batches() -> None:
    settings = {"strategy": "fsdp2", "data": 4, "param_dtype": "bfloat16", "sharding": "grad-op"}
    two, four = (estimate(batches, **settings).phase_peaks["forward"] for batches in (2, 4))
    assert four - two == pytest.approx(2 * INPUTS, rel=0.02)


def test_sharded_stages_accumulate_whole_gradients_in_the_dtype_of_the_reduction() -> None:
    settings = {"strategy": "fsdp2", "data": 4, "param_dtype": "bfloat16"}
    for dtype, width in (("float32", 4), ("bfloat16", 2)):
        found = estimate(8, reduce_dtype=dtype, **settings)
        assert found.component_sizes["gradients"] == pytest.approx(width * EACH * LAYER, rel=0.02)
    single = estimate(1, reduce_dtype="float32", **settings)
    assert single.component_sizes["gradients"] == pytest.approx(2 * EACH * LAYER / 4, rel=0.02)
    assert single.components["gradients"] > 3.8 * EACH * LAYER
