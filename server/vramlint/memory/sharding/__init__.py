"""Data parallelism: what each rank keeps, what it gathers for a moment, where its gradients go. A file an
engine.
"""

from __future__ import annotations

from vramlint.job import TrainingJob
from vramlint.memory.sharding.plan import Plan


def plan_of(job: TrainingJob) -> Plan:
    """How `job` is spread over its data-parallel ranks ("hybrid" counts the group that shares)."""
    parallel = job.parallel
    ranks = max(1, parallel.data * parallel.context)
    if parallel.strategy == "none" and job.runtime != "megatron":
        return Plan(job, ranks)
    from vramlint.memory.sharding.engines import ENGINES, MEGATRON  # late: a run on one GPU needs none

    engines = MEGATRON if job.runtime == "megatron" else ENGINES
    return engines[parallel.strategy](job, ranks)


__all__ = ["Plan", "plan_of"]
