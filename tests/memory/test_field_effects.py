"""What each field of a run makes of its memory, to the byte, as text that a reader can review.

The runs are of the kinds between which the memory model tells: by architecture, engine and objective. A line
that changes says which estimates do; it belongs into the CHANGELOG.
"""

from collections.abc import Callable, Mapping
from json import dumps
from typing import Any

import pytest
from dialect_seeds import MODEL, with_values

from vramlint.catalog.models import Models
from vramlint.dialects import load
from vramlint.dialects.kit.dialect import Context
from vramlint.memory.estimate import CannotEstimate
from vramlint.memory.model import estimate_job

MIXED = {"vramlint": 1, "micro_batch_size": 2, "sequence_length": 512, "precision": {"autocast": "bfloat16"}}
RUNS: Mapping[str, Mapping[str, Any]] = {
    "dense": {"model": MODEL, "precision.weights": "float32"},
    "adapter": {"model": "Qwen/Qwen3-8B", "method": "qlora", "gradient_checkpointing": "full"},
    "shards": {
        "model": "google/gemma-2-2b",
        "parallel": {"strategy": "fsdp2", "data": 4, "reduce_dtype": "float32"},
        "gradient_accumulation_steps": 2,
    },
    "flat": {
        "model": "Qwen/Qwen2.5-1.5B",
        "parallel": {"strategy": "fsdp1", "data": 4, "param_dtype": "bfloat16"},
        "gradient_accumulation_steps": 2,
    },
    "partitions": {
        "model": "Qwen/Qwen3-30B-A3B",
        "parallel": {"strategy": "zero3", "data": 8},
        "gradient_checkpointing": "full",
        "gradient_accumulation_steps": 2,
    },
    "stages": {
        "model": "deepseek-ai/DeepSeek-V2-Lite",
        "runtime": "megatron",
        "parallel": {"strategy": "zero1", "data": 4, "tensor": 2, "pipeline": 2, "expert": 2},
        "parallel.sequence": True,
        "gradient_accumulation_steps": 8,
    },
    "hybrid": {
        "model": "Qwen/Qwen3-Next-80B-A3B-Instruct",
        "method": "lora",
        "parallel": {"strategy": "zero2", "data": 8},
    },
    "preferences": {"model": "meta-llama/Llama-3.2-1B", "objective": "dpo", "evaluation": {"batch": 8}},
    "generation": {
        "model": "Qwen/Qwen3-4B",
        "objective": "grpo",
        "generation": {"engine": "vllm", "colocated": True, "memory_fraction": 0.3, "completion_length": 512},
    },
    "actor-critic": {
        "model": "Qwen/Qwen3-0.6B",
        "objective": "ppo",
        "parallel": {"strategy": "fsdp1", "data": 2},
        "kernels": {"liger": ["rms_norm", "swiglu", "rope"]},
        "loss": "fused-linear",
    },
}
JOB = load("job")
MODELS = Models()
SIZES = (1, 3, 16)


def tried() -> dict[str, list[Any]]:
    """Values of each field that decides memory."""
    found: dict[str, list[Any]] = {}
    for row in JOB.keys:
        values: list[Any] = [*row.choices, *row.offered]
        if isinstance(row.default, bool):
            values += [True, False]
        elif isinstance(row.default, int | float):
            values += SIZES
        found[row.path] = list({dumps(value): value for value in values}.values())
    return found


def sizes(values: Mapping[str, Any]) -> dict[str, str]:
    """Bytes by component where the run is largest, and by moment; or why there is no estimate."""
    result = JOB.read(values, Context(MODELS))
    if result.job is None or result.unusable:
        return {"no": "job"}
    try:
        estimate = estimate_job(result.job)
    except CannotEstimate as cannot:
        return {"no": cannot.code}
    found = {name: f"{size:,}" for name, size in estimate.worst.components.items() if size}
    found |= {f"in {moment.name}": f"{sum(moment.components.values()):,}" for moment in estimate.counted}
    found |= {f"saved {name}": f"{size:,}" for name, size in estimate.checkpoint_bytes.items()}
    found["band"] = f"{estimate.error_band:.4f}"
    found["outside"] = f"{estimate.outside_bytes:,}"
    found["slack"] = f"{estimate.most_slack:,}"
    found["trained"] = f"{estimate.trainable_parameters:,} of {estimate.parameters:,}"
    found["the largest is in"] = estimate.worst.name
    if estimate.host is not None:
        found["host"] = str(estimate.host)
    for kind in ("unknown", "undivided", "refused"):
        if getattr(estimate, kind):
            found[kind] = " / ".join(getattr(estimate, kind))
    return found


@pytest.mark.parametrize("name", RUNS)
def test_what_a_field_does(name: str, snapshot: Callable[[str, str], None]) -> None:
    run = with_values(MIXED, RUNS[name])
    before = sizes(run)
    assert "no" not in before
    lines = [*(f"{part} {size}" for part, size in before.items()), ""]
    for path, values in tried().items():
        by_effect: dict[str, list[str]] = {}
        for value in values:
            after = sizes(with_values(run, {path: value}))
            differs = [part for part in sorted({*before, *after}) if before.get(part) != after.get(part)]
            done = "; ".join(f"{part} {after.get(part, 0)}" for part in differs) or "nothing"
            by_effect.setdefault(done if "no" not in after else f"no {after['no']}", []).append(dumps(value))
        lines += [f"{path} = {', '.join(words)}: {done}" for done, words in by_effect.items()]
    snapshot(f"{name}.txt", "\n".join(lines) + "\n")
