"""What spreading a run over GPUs makes of it: the sharing, and the dtypes that the engine imposes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from vramlint.job import Parallel, Precision
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.vocabulary import Checkpointing, Dtype, Loading, Saving

Half = Literal["bfloat16", "float16"]


@dataclass(frozen=True, slots=True)
class ParallelPlan:
    """A run as its engine holds it.

    `precision` is what becomes of the front end's; `checkpointing` what the engine's own switch says
    (None: it has none or is silent); `adapter_dtype` the dtype to which the engine casts an adapter (None:
    left alone).
    """

    parallel: Parallel
    precision: Precision
    checkpointing: Checkpointing | None = None
    adapter_dtype: Dtype | None = None
    loading: Loading = "auto"
    """Where transformers reads an unquantized model under this engine, before the engine shards it."""
    saving: Saving = "auto"


@dataclass(frozen=True, slots=True)
class WorldSize:
    """How many GPUs, and how many of them in one machine."""

    size: int
    nodes: int = 1

    @property
    def per_node(self) -> int:
        """GPUs of one machine."""
        return max(self.size // max(self.nodes, 1), 1)


def replicated(world: WorldSize, precision: Precision) -> ParallelPlan:
    """No sharding: one GPU, or DDP, which keeps a second set of gradients in its buckets (accelerate leaves
    `gradient_as_bucket_view` off).
    """
    parallel = Parallel(strategy="ddp" if world.size > 1 else "none", data=world.size)
    return ParallelPlan(parallel, precision)


def half_of(precision: Precision) -> Half | None:
    """The 16-bit dtype that the trainer's mixed precision asks for, if any."""
    return None if precision.autocast == "none" else precision.autocast


def split_off(distribution: ParallelPlan, **sizes: int) -> ParallelPlan:
    """The same with tensor, context, pipeline … parallelism taken out of the data-parallel GPUs."""
    parallel, divisor = distribution.parallel, 1
    for name, size in sizes.items():
        divisor *= size if name != "expert" else 1
    data = max(parallel.data // divisor, 1)
    strategy = "none" if data == 1 and parallel.strategy == "ddp" else parallel.strategy
    changed: Mapping[str, Any] = {**sizes, "data": data, "strategy": strategy}
    return replace(distribution, parallel=replace(parallel, **changed))
