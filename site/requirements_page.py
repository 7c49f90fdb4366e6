"""The page of requirements: common models × methods × GPUs, each cell an estimate made by the build."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import vramlint
from vramlint.lint.format import gib

MODELS = (
    "Qwen/Qwen2.5-0.5B",
    "meta-llama/Llama-3.2-1B",
    "Qwen/Qwen2.5-1.5B",
    "meta-llama/Llama-3.2-3B",
    "mistralai/Mistral-7B-v0.1",
    "Qwen/Qwen3-8B",
    "meta-llama/Llama-3.1-8B",
    "google/gemma-2-9b",
    "Qwen/Qwen2.5-14B",
    "openai/gpt-oss-20b",
    "Qwen/Qwen2.5-32B",
    "meta-llama/Llama-3.1-70B",
)
GPUS = ("RTX 3060 12GB", "RTX 4090", "RTX 5090", "L40S", "A100-80GB", "H200", "B200")
MANY = "8xH100 80GB SXM"
METHODS: Mapping[str, Mapping[str, Any]] = {
    "full, float32 with autocast": {
        "method": "full",
        "precision": {"weights": "float32", "autocast": "bfloat16"},
    },
    "full, bfloat16": {"method": "full"},
    "LoRA": {"method": "lora", "adapter": {"r": 16}},
    "QLoRA": {"method": "qlora", "adapter": {"r": 16}},
}
COMMON: Mapping[str, Any] = {
    "vramlint": 1,
    "micro_batch_size": 1,
    "sequence_length": 2048,
    "gradient_checkpointing": "full",
}
SHARDED: Mapping[str, Any] = {"parallel": {"strategy": "zero3", "data": 8}}
MARKS = {"fits": "fits", "tight": "tight", "does_not_fit": "–", "unknown": "?"}
HEAD = """# Requirements

GPU memory that one step of common runs needs, worked out by vramlint {version} while this site was
built. Nothing of it is a rule of thumb, and nothing is measured: each cell is an estimate of a [job
file](job-file.md).

All runs have one sequence of 2,048 tokens in a micro batch, gradient checkpointing in every layer,
PyTorch's own attention and cross-entropy, AdamW, and adapters of rank 16 on all linear layers. A
longer sequence or a larger batch needs more, a fused cross-entropy or an 8-bit optimizer less: [try
it](playground/index.html).

- **needs** is what a GPU must offer, in GiB: one RTX 4090, and in the last columns each of eight
  H100 with ZeRO-3.
- **tight** means that the limit is inside the error band, **–** that the run does not fit, **?**
  that something that matters is not known, so that there is no verdict.
- What of a GPU's memory a run can use is on the [command line](cli.md): `vramlint gpus`.
"""


def job(model: str, method: str, sharded: bool = False) -> dict[str, Any]:
    """The job file of a row."""
    return {**COMMON, "model": model, **METHODS[method], **(SHARDED if sharded else {})}


def page() -> str:
    """The page as Markdown."""
    parts = [HEAD.format(version=vramlint.__version__)]
    for method in METHODS:
        parts.append(f"## {method[0].upper()}{method[1:]}\n")
        parts.append("\n".join(_table(method)) + "\n")
    example = json.dumps(job(MODELS[0], "LoRA"), indent=2)
    parts.append(f"## One of the job files\n\n```json\n{example}\n```\n")
    return "\n".join(parts)


def _table(method: str) -> Iterator[str]:
    heads = ("model", "parameters", "needs", *GPUS, "8 × H100", "needs each")
    yield f"| {' | '.join(heads)} |"
    yield "|---|" + "--:|" * 2 + ":-:|" * (len(GPUS) + 1) + "--:|"
    for model in MODELS:
        reports = {gpu: vramlint.estimate(job(model, method), gpu=gpu) for gpu in GPUS}
        many = vramlint.estimate(job(model, method, sharded=True), gpu=MANY)
        estimate = reports["RTX 4090"].analysis.estimate
        assert estimate is not None
        cells = [
            f"`{model}`",
            f"{estimate.parameters / 1e9:.1f} B",
            gib(reports["RTX 4090"].device_bytes),
            *(_mark(report) for report in (*reports.values(), many)),
            gib(many.device_bytes),
        ]
        yield f"| {' | '.join(cells)} |"


def _mark(report: vramlint.Report) -> str:
    """The verdict, with its colour where it is good news."""
    mark = MARKS[report.verdict]
    return f'<span class="{mark}">{mark}</span>' if mark in ("fits", "tight") else mark
