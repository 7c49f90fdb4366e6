"""The engine of each strategy of `job.parallel`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vramlint.job import TrainingJob
from vramlint.memory.sharding.fsdp import Fsdp1, Fsdp2
from vramlint.memory.sharding.megatron import DistributedOptimizer, Megatron
from vramlint.memory.sharding.plan import Plan
from vramlint.memory.sharding.replicas import Ddp
from vramlint.memory.sharding.zero import Zero2, stage_1
from vramlint.memory.sharding.zero3 import Zero3

ENGINES: Mapping[str, Callable[[TrainingJob, int], Plan]] = {
    "ddp": Ddp,
    "zero1": stage_1,
    "zero2": Zero2,
    "zero3": Zero3,
    "fsdp1": Fsdp1,
    "fsdp2": Fsdp2,
}

MEGATRON: Mapping[str, Callable[[TrainingJob, int], Plan]] = {
    **ENGINES,
    "none": Megatron,
    "ddp": Megatron,
    "zero1": DistributedOptimizer,
}
"""Megatron's own, by the name that others have for what it does."""
