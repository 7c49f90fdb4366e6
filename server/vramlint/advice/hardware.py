"""The smallest GPUs, and numbers of them, that a run would fit."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.advice.changes import Changes, apply
from vramlint.catalog.facts import Gpu
from vramlint.catalog.gpus import widely_had
from vramlint.job import TrainingJob
from vramlint.job_fields import is_smallest
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory import CannotEstimate, Estimate, estimate_job

_COUNTS = tuple(1 << power for power in range(12))
_ON_A_NODE = 8
_MOST = 4


@dataclass(frozen=True, slots=True)
class Hardware:
    """GPUs on which a run fits, with what has to be changed so that they share it."""

    gpu: Gpu
    count: int
    changes: Changes
    estimate: Estimate


def smallest_hardware(job: TrainingJob) -> tuple[Hardware, ...]:
    """For growing numbers of GPUs the smallest GPU that does; only where more of them may be smaller ones."""
    found: list[Hardware] = []
    gpus = widely_had(job.gpu.vendor if job.gpu else "nvidia")
    for count in _COUNTS:
        smallest = next(_fitting(job, count, gpus), None)
        if smallest is None:
            continue
        found.append(smallest)
        gpus = tuple(gpu for gpu in gpus if gpu.usable_bytes < smallest.gpu.usable_bytes)
        if not gpus or len(found) == _MOST:
            break
    return tuple(found)


def _fitting(job: TrainingJob, count: int, gpus: tuple[Gpu, ...]) -> Iterator[Hardware]:
    """The GPUs of which `count` hold the run, the smallest first."""
    changes = _shared(job, count)
    if changes is None:
        return
    nodes = -(-count // _ON_A_NODE)
    on_them = replace(apply(job, changes), gpu_count=count // nodes, nodes=nodes)
    try:
        least = estimate_job(on_them).rough.device_bytes
        for gpu in gpus:
            if gpu.usable_bytes < least * 0.9:  # another GPU's context and workspaces move it by less
                continue
            estimate = estimate_job(replace(on_them, gpu=gpu))
            if estimate.rough.verdict(gpu.usable_bytes) == "fits":
                yield Hardware(gpu, count, changes, estimate)
    except CannotEstimate:
        return


def _shared(job: TrainingJob, count: int) -> Changes | None:
    """What lets `count` GPUs share a run; None where they cannot."""
    parallel = job.parallel
    divided = parallel.tensor * parallel.pipeline * parallel.context
    if count % divided:
        return None
    changes: dict[str, object] = {"parallel.data": count // divided, "parallel.replicate": 1}
    if count > 1 and not (parallel.strategy.startswith("fsdp") or parallel.strategy == "zero3"):
        own = job.runtime in ("torchtune", "torchtitan", "litgpt")
        changes["parallel.strategy"] = "fsdp2" if own else "zero3"
    if not is_smallest(job, "gradient_checkpointing"):
        changes["gradient_checkpointing"] = "full"
    return changes
