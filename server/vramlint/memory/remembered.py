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
LARGEST_TENSORS = 10
"""Groups of tensors alive at the peak that are found when somebody asks."""


class _Asked:
    """A job as a key of what is remembered."""

    __slots__ = ("_hash", "job")

    def __init__(self, job: TrainingJob) -> None:
        self.job = job
        # What searches change most: whatever else differs, runs of one hash are told apart field by field.
        step = job.micro_batch_size, job.gradient_accumulation_steps, job.sequence_length, job.loss
        kept = job.method, job.optimizer, job.gradient_checkpointing, job.activation_offload, job.allocator
        self._hash = hash((job.model.name, *step, *kept))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self.job == other.job


def remembered_estimate(job: TrainingJob) -> Estimate:
    """As `estimate_job`, with the tensors that hovers and reports may name."""
    return _remembered(_Asked(job))


def forget() -> None:
    """Walk and estimate anew from here on: for what measures how long that takes."""
    _remembered.cache_clear()
    shared_walk.forget()


@lru_cache(KEPT)
def _remembered(asked: _Asked) -> Estimate:
    return estimate_job(asked.job, LARGEST_TENSORS)
