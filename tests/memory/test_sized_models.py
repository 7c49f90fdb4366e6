"""What models need of which nothing but the size is known, by method and engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from test_family_sizes import JOB, MODELS
from test_many_fields import short

from vramlint.dialects.kit.dialect import Context
from vramlint.memory.estimate import CannotEstimate
from vramlint.memory.model import estimate_job

SIZES: tuple[Any, ...] = ({"parameters": 3.0e8}, {"parameters": 7.0e9}, {"parameters": 123456789})
RUNS: Mapping[str, Mapping[str, Any]] = {
    **{method: {"method": method} for method in ("full", "lora", "qlora", "layernorm", "ia3", "dora")},
    "freeze": {"method": "freeze", "trainable_layers": 2},
    "zero3": {"parallel": {"strategy": "zero3", "data": 4}},
    "shards": {"parallel": {"strategy": "fsdp2", "data": 4}, "method": "lora"},
    "mixed": {"precision": {"weights": "float32", "autocast": "bfloat16"}, "gradient_checkpointing": "full"},
    "divided": {
        "runtime": "megatron",
        "parallel": {"strategy": "zero1", "data": 2, "tensor": 2, "pipeline": 2},
    },
}


def needs(model: Any, run: Mapping[str, Any]) -> str:
    values = {"vramlint": 1, "model": model, "micro_batch_size": 2, "sequence_length": 512, **run}
    job = JOB.read(values, Context(MODELS)).job
    assert job is not None
    try:
        estimate = estimate_job(job)
    except CannotEstimate as cannot:
        return f"{cannot.code}: {cannot.message}"
    parts = ", ".join(f"{name} {size:,}" for name, size in estimate.worst.components.items() if size)
    trained = f"{estimate.trainable_parameters:,} of {estimate.parameters:,}"
    return f"{trained}; {parts}; band {estimate.error_band:.3f}; {'; '.join(estimate.unknown)}"


def test_what_a_model_of_a_size_needs(snapshot: Callable[[str, str], None]) -> None:
    lines = [f"{model}, {name}: {short(needs(model, run))}" for model in SIZES for name, run in RUNS.items()]
    snapshot("sized.txt", "\n".join(lines) + "\n")
