"""Data parallelism: what each rank keeps, what it gathers for a moment, where its gradients go. A file an
engine.
"""

from __future__ import annotations

from collections.abc import Callable

from vramlint.job import TrainingJob
from vramlint.memory.sharding.fsdp import Fsdp1, Fsdp2
from vramlint.memory.sharding.plan import Plan
from vramlint.memory.sharding.replicas import Ddp
from vramlint.memory.sharding.zero import Zero2, stage_1
from vramlint.memory.sharding.zero3 import Zero3

ENGINES: dict[str, Callable[[TrainingJob, int], Plan]] = {
    "none": Plan,
    "ddp": Ddp,
    "zero1": stage_1,
    "zero2": Zero2,
    "zero3": Zero3,
    "fsdp1": Fsdp1,
    "fsdp2": Fsdp2,
}


def plan_of(job: TrainingJob) -> Plan:
    """How `job` is spread over its data-parallel ranks ("hybrid" counts the group that shares)."""
    parallel = job.parallel
    return ENGINES[parallel.strategy](job, max(1, parallel.data * parallel.context))


__all__ = ["ENGINES", "Plan", "plan_of"]
