"""Which changes make a job fit: moves alone, in pairs, in threes, each tried by the memory model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

from vramlint.advice.changes import Changes, apply
from vramlint.advice.remedies import Move, moves
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.memory import CannotEstimate, Estimate, estimate_job

_MOST_TOGETHER = 4
_USUALLY_TOGETHER = 3
"""More moves than this are only tried together where fewer do not help."""
_HOPE = 1.25
"""A combination is tried where the sum of its moves' savings comes this near to the capacity: savings of two
moves in the same tensors add up to less than their sum, in different phases to more.
"""
_MOST_TRIES = 60


@dataclass(frozen=True, slots=True)
class Advice:
    """Changes after which the job fits. `safe`: what is trained stays the same."""

    changes: Changes
    title: str
    safe: bool
    estimate: Estimate


def suggest(
    job: TrainingJob,
    capacity_bytes: int,
    expressible: Callable[[Changes], bool] = lambda changes: True,
    before: Estimate | None = None,
) -> Iterator[Advice]:
    """Changes that make `job` fit into `capacity_bytes`, the smallest first.

    No advice goes further than another on the same way: where LoRA fits, QLoRA is not proposed.

    `expressible` tells which changes the file can express at all; `before` is the job's estimate, where it is
    known.
    """
    before = before or _estimate(job)
    if before is None:
        return
    enough: set[str] = set()
    useful: list[tuple[Move, Estimate]] = []
    for move in moves(job):
        if move.group in enough or not expressible(move.changes):
            continue
        after = _estimate(apply(job, move.changes))
        if after is None:
            continue
        if after.rough.verdict(capacity_bytes) == "fits":
            enough.add(move.group)
            yield Advice(move.changes, move.title, move.safe, after)
        elif _saves(before, after):
            useful.append((move, after))
    useful = [(move, after) for move, after in useful if move.group not in enough]
    yield from _together(job, capacity_bytes, before, useful)


def _together(
    job: TrainingJob, capacity: int, before: Estimate, useful: list[tuple[Move, Estimate]]
) -> Iterator[Advice]:
    """Combinations of moves that do not fit alone, the smallest change first."""
    found: list[dict[str, float]] = []
    tries = 0
    for size in range(2, _MOST_TOGETHER + 1):
        if found and size > _USUALLY_TOGETHER:
            return
        candidates = [
            chosen
            for chosen in combinations(useful, size)
            if len({move.group for move, _ in chosen}) == size and _hoped(before, chosen) < capacity * _HOPE
        ]
        candidates.sort(key=lambda chosen: sum(move.cost for move, _ in chosen))
        for chosen in candidates:
            together = tuple(move for move, _ in chosen)
            ways = {move.group: move.cost for move in together}
            if any(_goes_further(ways, smaller) for smaller in found):
                continue
            if tries == _MOST_TRIES:
                return
            tries += 1
            changes = {name: value for move in together for name, value in move.changes.items()}
            after = _estimate(apply(job, changes))
            if after is not None and after.rough.verdict(capacity) == "fits":
                found.append(ways)
                title = " + ".join(move.title for move in together)
                yield Advice(changes, title, all(move.safe for move in together), after)


def _estimate(job: TrainingJob) -> Estimate | None:
    try:
        return estimate_job(job)
    except CannotEstimate:
        return None


def _saves(before: Estimate, after: Estimate) -> bool:
    """Whether some moment gets smaller: a move that leaves the peak may still be half of a pair."""
    later = _peaks(after)
    return any(later.get(name, 0) < peak for name, peak in _peaks(before).items())


def _peaks(estimate: Estimate) -> dict[str, int]:
    """Allocated bytes by moment of the run."""
    return {moment.name: moment.allocated_bytes for moment in estimate.moments}


def _hoped(before: Estimate, chosen: tuple[tuple[Move, Estimate], ...]) -> int:
    """The device bytes if the savings of the moves added up, moment by moment. What lies beside the peaks
    shrinks with them: the least that one of the moves leaves is hoped for.
    """
    peaks, moved = _peaks(before), [_peaks(after) for _, after in chosen]
    apart = min(
        each.rough.device_bytes - max(_peaks(each).values(), default=0)
        for each in (before, *(after for _, after in chosen))
    )
    rest = [peak - sum(peak - after.get(name, peak) for after in moved) for name, peak in peaks.items()]
    return apart + max(rest, default=0)


def _goes_further(ways: dict[str, float], other: dict[str, float]) -> bool:
    """Whether one combination changes at least all that another changes, and that at least as much."""
    return all(ways.get(group, 0.0) >= cost for group, cost in other.items())
