"""DeepSpeed: no class lists its keys; they are kept as data."""

from __future__ import annotations

from pathlib import Path

from generator.emit import LAX_STRINGS, Reader
from generator.entry import Facts, kept

# pydantic sections; "auto" is legal through the Hugging Face integration
READER = Reader(
    "refused",
    "dropped",
    "refused",
    LAX_STRINGS,
    {"bool": ("number",)},
    ("auto",),
    (
        "optimizer",
        "scheduler",
        "activation_checkpointing",
        "flops_profiler",
        "data_efficiency",
        "amp",
        "curriculum_learning",
        "compression_training",
        "elasticity",
        "autotuning",
        "sparse_attention",
        "aio",
        "checkpoint",
        "nebula",
        "eigenvalue",
        "quantize_training",
        "progressive_layer_drop",
        "data_types",
    ),
)


def facts(folder: Path) -> Facts:
    """The kept facts."""
    return kept("deepspeed")
