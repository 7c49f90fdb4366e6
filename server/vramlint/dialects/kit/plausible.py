"""Sizes that no run has. A value beyond them is a slip of the keyboard, and no verdict is built on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vramlint.dialects.kit.dialect import Unusable
from vramlint.job import TrainingJob, Written

BOUNDS = {
    "micro_batch_size": (1, 10**6),
    "gradient_accumulation_steps": (1, 10**6),
    "sequence_length": (1, 10**8),
    "adapter.r": (1, 10**6),
    "adapter.alpha": (0, 10**6),
    "adapter.dropout": (0, 1),
    "evaluation.batch": (1, 10**6),
    "evaluation.sequence_length": (1, 10**8),
    "generation.completion_length": (1, 10**8),
    "generation.completions": (1, 10**6),
    "generation.memory_fraction": (0, 1),
    "generation.tensor": (1, 10**4),
    "generation.batch": (1, 10**8),
    "roles.critic_tokens": (1, 10**8),
    "kernels.tiled_mlp_pieces": (1, 10**6),
    "nodes": (1, 10**5),
    "parallel.data": (1, 10**6),
    "parallel.replicate": (1, 10**6),
    "parallel.tensor": (1, 10**4),
    "parallel.context": (1, 10**4),
    "parallel.pipeline": (1, 10**4),
    "parallel.expert": (1, 10**4),
    "parallel.buckets.reduce": (0, 10**12),
    "parallel.buckets.prefetch": (0, 10**12),
    "parallel.buckets.live": (0, 10**13),
    "parallel.virtual_pipeline": (1, 10**4),
    "parallel.expert_tensor": (1, 10**4),
    "loss": (1, 10**6),
    "gradient_checkpointing": (0, 10**4),
    "trainable_layers": (0, 10**4),
}
"""Smallest and largest value by job field, both possible; far beyond what has been trained."""

COUNTS = frozenset(BOUNDS) - {"loss", "gradient_checkpointing", "trainable_layers"}
"""The fields that numbers alone decide."""


def implausible(job: TrainingJob) -> Iterator[Unusable]:
    """The values written in a file that decide a field of the job beyond its bounds."""
    for field, (least, most) in BOUNDS.items():
        origin = job.origins.get(field)
        if not isinstance(origin, Written):
            continue
        value = _at(job, field)
        if isinstance(value, int | float) and not isinstance(value, bool) and not least <= value <= most:
            wanted = f"at least {least:,}" if value < least else f"at most {most:,}"
            yield Unusable(origin.key, value, origin.document, wanted)


def _at(job: TrainingJob, field: str) -> Any:
    """The value of a field by its dotted name; None where a part on the way is absent."""
    value: Any = job
    for name in field.split("."):
        value = getattr(value, name, None)
    return value
