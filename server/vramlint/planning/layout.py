"""One way to share a run out over GPUs, and the job that it makes."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Literal, TypeAlias

from vramlint.advice.changes import Changes, apply
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass

Sharding: TypeAlias = Literal["ddp", "zero1", "zero3", "fsdp2"]
Recompute: TypeAlias = Literal["none", "selective-op", "full"]


@dataclass(frozen=True, slots=True)
class Family:
    """Degrees and sharding; the product of tensor, pipeline, context and data is the number of GPUs."""

    tensor: int
    pipeline: int
    context: int
    expert: int
    data: int
    sharding: Sharding
    replicas: int = 1
    """Groups of GPUs that each share all states out (HSDP); they divide `data`."""

    @property
    def sharded(self) -> int:
        """Ranks that share the states out."""
        return self.data * self.context // self.replicas


@dataclass(frozen=True, slots=True)
class Layout:
    """A family with what is free inside it."""

    family: Family
    micro_batch: int
    accumulation: int
    """Micro batches of a step on each data-parallel rank."""
    virtual_stages: int = 1
    recompute: Recompute = "none"


def changes_of(job: TrainingJob, layout: Layout) -> Changes:
    """The job fields that a layout changes, by dotted name. Sequence parallelism goes with tensor
    parallelism.
    """
    family = layout.family
    wanted: dict[str, Any] = {
        "parallel.strategy": family.sharding,
        "parallel.data": family.data // family.replicas,
        "parallel.replicate": family.replicas,
        "parallel.tensor": family.tensor,
        "parallel.sequence": family.tensor > 1,
        "parallel.context": family.context,
        "parallel.pipeline": family.pipeline,
        "parallel.virtual_pipeline": layout.virtual_stages,
        "parallel.schedule": "interleaved" if layout.virtual_stages > 1 else "1f1b",
        "parallel.expert": family.expert,
        "parallel.expert_tensor": 1,
        "micro_batch_size": layout.micro_batch,
        "gradient_accumulation_steps": layout.accumulation,
        "gradient_checkpointing": layout.recompute,
    }
    return {name: value for name, value in wanted.items() if attrgetter(name)(job) != value}


def applied(job: TrainingJob, layout: Layout) -> TrainingJob:
    """The job under a layout."""
    return apply(job, changes_of(job, layout))
