"""Pipelines by hand: micro batches in flight, gradients and gathered weights of a stage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vramlint.catalog.facts import Model
from vramlint.job import Parallel, Precision, TrainingJob
from vramlint.memory import Estimate, estimate_job
from vramlint.memory.architectures import network_of
from vramlint.memory.pipeline import parts_by_size
from vramlint.memory.replay.reserved import Replay
from vramlint.memory.replay.standard import replayed
from vramlint.memory.sharding import plan_of
from vramlint.memory.weights import Weights

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


def test_the_stages_of_a_pipeline_add_up_to_the_model() -> None:
    """Every GPU of a pipeline is one of them; the fullest is the one that the estimate tells of."""
    found = estimate(8)
    first, middle, last = found.stages
    assert [stage.layers for stage in found.stages] == [EACH] * 3
    assert first.parameters + 2 * middle.parameters + last.parameters == found.parameters
    assert middle.parameters == EACH * LAYER
    assert first.parameters - middle.parameters == 512 * HIDDEN
    assert last.parameters - middle.parameters == 512 * HIDDEN + HIDDEN
    assert max(stage.device_bytes for stage in found.stages) == found.worst.device_bytes
    assert found.worst.components in [stage.components for stage in found.stages]
    assert (first.embedding_bytes, middle.embedding_bytes, last.embedding_bytes) == (2 * 512 * HIDDEN, 0, 0)
    assert (first.head_bytes, middle.head_bytes) == (0, 0)
    assert last.head_bytes == 2 * (512 * HIDDEN + HIDDEN)


@pytest.mark.parametrize(
    ("order", "in_flight"),
    [
        ({}, (4, 3, 1)),
        ({"schedule": "zero-bubble"}, (4, 3, 1)),
        ({"schedule": "interleaved", "virtual_pipeline": 2}, (11 / 2, 9 / 2, 5 / 2)),
        ({"schedule": "gpipe"}, (12, 12, 12)),
    ],
)
def test_each_stage_holds_its_micro_batches(order: dict[str, Any], in_flight: tuple[float, ...]) -> None:
    assert tuple(stage.in_flight for stage in estimate(12, **order).stages) == in_flight


def test_only_the_last_stage_holds_logits() -> None:
    full = replace(JOB, loss="full-logits", parallel=Parallel(pipeline=4))
    first, middle, last = estimate_job(full).stages
    assert first.loss_bytes == middle.loss_bytes == 0
    assert last.loss_bytes >= 2 * TOKENS * 512 * 2
    assert estimate_job(replace(full, parallel=Parallel())).stages == ()


def test_a_stage_between_holds_the_layers_that_are_there() -> None:
    """Of a mixture whose first layers are dense, the stages behind them have more experts."""
    config = {
        **CONFIG,
        "num_hidden_layers": 12,
        "num_experts": 32,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 1024,
        "mlp_only_layers": [0, 1],
    }
    job = replace(JOB, model=Model("mixture", "qwen3_moe", config), parallel=Parallel(pipeline=4))
    found = estimate_job(job)
    first, middle, last = found.stages
    experts = 32 * 3 * HIDDEN * 1024
    assert middle.parameters - first.parameters > 2 * experts - 3 * HIDDEN * 4096 * 2 - 10**6
    assert first.parameters + 2 * middle.parameters + last.parameters == found.parameters


def test_torchtitan_counts_embedding_and_head_as_layers() -> None:
    """34 places over 4 stages: the middle ones have one layer more."""
    config = {**CONFIG, "num_hidden_layers": 32}
    job = replace(
        JOB, model=Model("small", "llama", config), runtime="torchtitan", parallel=Parallel(pipeline=4)
    )
    assert [stage.layers for stage in estimate_job(job).stages] == [8, 9, 8]


def test_a_tied_table_is_freed_once_in_the_first_stages_replay() -> None:
    """The head's part of its gradient is on another GPU: nothing else goes in its place."""
    config = {**CONFIG, "vocab_size": 65536, "tie_word_embeddings": True}
    job = replace(
        JOB,
        model=Model("small", "llama", config),
        gradient_accumulation_steps=4,
        parallel=Parallel("zero1", data=2, pipeline=4),
    )
    made = estimate_job(job)
    assert made.replay is not None
    replay = made.replay()
    assert isinstance(replay, Replay)
    assert replayed(replay.events()).allocated == pytest.approx(made.peak_allocated_bytes, rel=0.03)


@pytest.mark.parametrize(
    ("gpus", "shape", "tied", "layers"),
    [
        (4, (128, 1024, 4096, 512), False, (32, 33, 30)),
        (4, (32, 4096, 14336, 128_256), False, (6, 10, 6)),
        (2, (32, 4096, 14336, 128_256), False, (15, 17)),
        (3, (28, 3584, 18944, 152_064), False, (7, 12, 9)),
        (8, (80, 8192, 28672, 128_256), False, (9, 11, 5)),
        (4, (36, 2048, 11008, 151_936), True, (6, 11, 8)),
    ],
)
def test_a_device_map_spreads_layers_by_their_bytes(
    gpus: int, shape: tuple[int, int, int, int], tied: bool, layers: tuple[int, ...]
) -> None:
    """Layers of the first, a middle and the last GPU, as accelerate 1.15 spreads a Llama of this shape."""
    names = ("num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size")
    config = CONFIG | dict(zip(names, shape, strict=True)) | {"tie_word_embeddings": tied}
    spread = Parallel(pipeline=gpus, schedule="device-map")
    job = replace(JOB, model=Model("small", "llama", config), parallel=spread)
    weights = Weights(job)
    network = network_of(job, weights)
    found = [
        min(part.last, shape[0]) - max(part.first, 1) + 1
        for part in parts_by_size(weights, network, plan_of(job))
    ]
    assert tuple(found) == layers


def test_layers_on_a_device_map_run_one_micro_batch_at_a_time() -> None:
    two, four = (estimate(batches, schedule="device-map") for batches in (2, 4))
    assert four.phase_peaks["forward"] == two.phase_peaks["forward"]
