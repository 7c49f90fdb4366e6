"""Estimates of runs that were estimated before.

The files of a sweep differ in what memory does not see, and so do two looks at one file: their runs are
equal. An estimate, with the replays that were made for it, is worked out once. It holds a few kilobytes.
"""

from __future__ import annotations

from functools import lru_cache

from vramlint.job import TrainingJob
from vramlint.memory import shared_walk
from vramlint.memory.estimate import Estimate
from vramlint.memory.model import estimate_job

KEPT = 256
"""Estimates that are remembered: those of a search for fixes in each of a few files."""


class _Asked:
    """A job as a key of what is remembered."""

    __slots__ = ("_hash", "job", "tensors")

    def __init__(self, job: TrainingJob, tensors: int) -> None:
        self.job, self.tensors = job, tensors
        # What searches change most: whatever else differs, runs of one hash are told apart field by field.
        step = job.micro_batch_size, job.gradient_accumulation_steps, job.sequence_length, job.loss
        kept = job.method, job.optimizer, job.gradient_checkpointing, job.activation_offload, job.allocator
        self._hash = hash((job.model.name, tensors, *step, *kept))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self.tensors == other.tensors and self.job == other.job


def remembered_estimate(job: TrainingJob, tensors: int = 0) -> Estimate:
    """As `estimate_job`."""
    return _remembered(_Asked(job, tensors))


def forget() -> None:
    """Walk and estimate anew from here on: for what measures how long that takes."""
    _remembered.cache_clear()
    shared_walk.forget()


@lru_cache(KEPT)
def _remembered(asked: _Asked) -> Estimate:
    return estimate_job(asked.job, asked.tensors)
