"""The largest values that fit. The peak never falls as batch or sequence grow."""

from __future__ import annotations

from collections.abc import Callable

from vramlint.advice.changes import apply
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.memory import CannotEstimate, estimate_job

_MOST_MICRO_BATCHES = 1 << 14
_MOST_TOKENS = 1 << 22
TOKENS = 128
"""Sequences are looked for in steps of so many."""
TRIED = 8
"""Values, from the largest that fits by count downwards, of which a closer look may take the first."""


def largest_micro_batch(job: TrainingJob, capacity_bytes: int) -> int | None:
    """The largest micro batch that fits with its whole error band; None where not even 1 does."""

    def needs(size: int) -> int | None:
        return _needs(replace(job, micro_batch_size=size), capacity_bytes)

    return _largest(needs, capacity_bytes, _MOST_MICRO_BATCHES)


def largest_sequence(job: TrainingJob, capacity_bytes: int, step: int = TOKENS) -> int | None:
    """The longest sequence, a multiple of `step` tokens, that fits; None where not even one step does."""

    def needs(steps: int) -> int | None:
        return _needs(replace(job, sequence_length=steps * step), capacity_bytes)

    steps = _largest(needs, capacity_bytes, _MOST_TOKENS // step)
    return None if steps is None else steps * step


def confirmed(job: TrainingJob, field: str, largest: int | None, capacity_bytes: int) -> int | None:
    """What of the largest value that fits by count is left by a replay of the allocator, which few runs near
    the limit need; None where none of the next smaller ones fits either.
    """
    step = TOKENS if field == "sequence_length" else 1
    for value in range(largest or 0, max(0, (largest or 0) - TRIED * step), -step):
        try:
            if estimate_job(apply(job, {field: value})).fits(capacity_bytes):
                return value
        except CannotEstimate:
            return None
    return None


def _needs(job: TrainingJob, capacity_bytes: int) -> int | None:
    """Bytes with the whole error band; None where there is no verdict."""
    try:
        rough = estimate_job(job).rough
    except CannotEstimate:
        return None
    return None if rough.verdict(capacity_bytes) == "unknown" else rough.high_bytes


def _largest(needs: Callable[[int], int | None], capacity: int, most: int) -> int | None:
    """The largest number that needs no more than `capacity`: memory is nearly a straight line in it, so that
    each guess lies where the line through the last two would meet the capacity, every third in the middle.
    """
    low, high, at_low, at_high = 1, 2, needs(1), needs(2)
    if at_low is None or at_low > capacity:
        return None
    while high <= most and at_high is not None and at_high <= capacity:
        slope = max(1.0, (at_high - at_low) / (high - low))
        ahead = min(high + max(1, int((capacity - at_high) / slope)), 64 * high)
        low, at_low = high, at_high
        high, at_high = ahead + 1, needs(ahead + 1)
    guesses = 0
    while high - low > 1:
        guesses += 1
        guess = (low + high) // 2
        if at_high is not None and guesses % 3:
            guess = low + round((high - low) * (capacity - at_low) / max(1, at_high - at_low))
        guess = min(max(guess, low + 1), high - 1)
        found = needs(guess)
        if found is not None and found <= capacity:
            low, at_low = guess, found
        else:
            high, at_high = guess, found
    return min(low, most)
