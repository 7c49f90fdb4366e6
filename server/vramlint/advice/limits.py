"""The largest values that fit, and what one step costs. The peak never falls as batch or sequence grow."""

from __future__ import annotations

from collections.abc import Callable

from vramlint.advice.changes import apply
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.memory import CannotEstimate, estimate_job

_MOST_MICRO_BATCHES = 1 << 14
_MOST_TOKENS = 1 << 22


def largest_micro_batch(job: TrainingJob, capacity_bytes: int) -> int | None:
    """The largest micro batch that fits with its whole error band; None where not even 1 does."""

    def fits(size: int) -> bool:
        return _fits(replace(job, micro_batch_size=size), capacity_bytes)

    return _largest(fits, 1, _MOST_MICRO_BATCHES)


def largest_sequence(job: TrainingJob, capacity_bytes: int, step: int = 128) -> int | None:
    """The longest sequence, a multiple of `step` tokens, that fits; None where not even one step does."""

    def fits(steps: int) -> bool:
        return _fits(replace(job, sequence_length=steps * step), capacity_bytes)

    steps = _largest(fits, 1, _MOST_TOKENS // step)
    return None if steps is None else steps * step


def marginal(job: TrainingJob, field: str, value: object) -> int | None:
    """Bytes that the device would hold more (or less) with `field` at `value`; None where nobody can say."""
    try:
        now = estimate_job(job).rough.device_bytes
        return estimate_job(apply(job, {field: value})).rough.device_bytes - now
    except CannotEstimate:
        return None


def _fits(job: TrainingJob, capacity_bytes: int) -> bool:
    try:
        return estimate_job(job).rough.verdict(capacity_bytes) == "fits"
    except CannotEstimate:
        return False


def _largest(fits: Callable[[int], bool], low: int, most: int) -> int | None:
    """The largest number for which `fits`, found by doubling, then halving."""
    if not fits(low):
        return None
    high = low * 2
    while high <= most and fits(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
