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


def fields_of(layout: Layout, sequence: bool = True) -> Changes:
    """The job fields that a layout decides, by dotted name. Where there is sequence parallelism, it goes with
    tensor parallelism.
    """
    family = layout.family
    return {
        "parallel.strategy": family.sharding,
        "parallel.data": family.data // family.replicas,
        "parallel.replicate": family.replicas,
        "parallel.tensor": family.tensor,
        "parallel.sequence": sequence and family.tensor > 1,
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


def applied(job: TrainingJob, layout: Layout, sequence: bool = True) -> TrainingJob:
    """The job under a layout."""
    return apply(job, differing(job, fields_of(layout, sequence)))


def differing(job: TrainingJob, wanted: Changes) -> Changes:
    """The fields that the job has otherwise than `wanted`. What an engine has of its own kind counts as the
    same: its version of FSDP, its way to recompute layers, no engine where one rank has nothing to share.
    """
    ranks = [wanted.get(f"parallel.{name}") for name in ("data", "context", "replicate")]
    return {
        name: value
        for name, value in wanted.items()
        if not _same(name, attrgetter(name)(job), value)
        and not (name == "parallel.strategy" and ranks == [1, 1, 1] and job.parallel.strategy == "none")
    }


def _same(name: str, found: Any, wanted: Any) -> bool:
    if name == "gradient_checkpointing" and wanted == "full":
        return found in ("full", "reentrant") or isinstance(found, tuple)
    return bool(found == wanted or (name == "parallel.strategy" and (found, wanted) == ("fsdp1", "fsdp2")))
