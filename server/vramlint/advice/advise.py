"""Which changes make a job fit: moves alone, in pairs, in threes, each tried by the memory model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class _Tried:
    """A move that does not suffice alone, with the peaks that it leaves, and what is beside the highest."""

    move: Move
    peaks: Mapping[str, int]
    beside: int


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
    useful: list[_Tried] = []
    peaks, on_host = _peaks(before), _on_host(before)
    for move in moves(job):
        if move.group in enough or not expressible(move.changes):
            continue
        after = _estimate(apply(job, move.changes))
        if after is None:
            continue
        if _has_room(after, on_host) and after.rough.verdict(capacity_bytes) == "fits":
            enough.add(move.group)
            yield Advice(move.changes, move.title, move.safe, after)
        elif _saves(peaks, later := _peaks(after)):
            useful.append(_Tried(move, later, _beside(after, later)))
    useful = [tried for tried in useful if tried.move.group not in enough]
    yield from _together(job, capacity_bytes, peaks, _beside(before, peaks), on_host, useful)


def _together(
    job: TrainingJob,
    capacity: int,
    peaks: Mapping[str, int],
    beside: int,
    on_host: int,
    useful: Sequence[_Tried],
) -> Iterator[Advice]:
    """Combinations of moves that do not fit alone, the smallest change first. `peaks`, `beside` and `on_host`
    are those of the job as it is.
    """
    found: list[dict[str, float]] = []
    tries = 0
    for size in range(2, _MOST_TOGETHER + 1):
        if found and size > _USUALLY_TOGETHER:
            return
        candidates = [
            chosen
            for chosen in combinations(useful, size)
            if len({tried.move.group for tried in chosen}) == size
            and _hoped(peaks, beside, chosen) < capacity * _HOPE
        ]
        candidates.sort(key=lambda chosen: sum(tried.move.cost for tried in chosen))
        for chosen in candidates:
            together = tuple(tried.move for tried in chosen)
            ways = {move.group: move.cost for move in together}
            if any(_goes_further(ways, smaller) for smaller in found):
                continue
            if tries == _MOST_TRIES:
                return
            tries += 1
            changes = {name: value for move in together for name, value in move.changes.items()}
            after = _estimate(apply(job, changes))
            if after is not None and _has_room(after, on_host) and after.rough.verdict(capacity) == "fits":
                found.append(ways)
                title = " + ".join(move.title for move in together)
                yield Advice(changes, title, all(move.safe for move in together), after)


def _estimate(job: TrainingJob) -> Estimate | None:
    try:
        return estimate_job(job)
    except CannotEstimate:
        return None


def _on_host(estimate: Estimate) -> int:
    return 0 if estimate.host is None else estimate.host.most_bytes_per_node


def _has_room(after: Estimate, before: int) -> bool:
    """Whether a node holds what waits in host memory, or held no less `before`."""
    return after.host is None or after.host.verdict != "does_not_fit" or _on_host(after) <= before


def _saves(peaks: Mapping[str, int], later: Mapping[str, int]) -> bool:
    """Whether some moment gets smaller: a move that leaves the peak may still be half of a pair."""
    return any(later.get(name, 0) < peak for name, peak in peaks.items())


def _peaks(estimate: Estimate) -> dict[str, int]:
    """Allocated bytes by moment of the run: what a replay of the allocator would leave as it is."""
    return {moment.name: moment.allocated_bytes for moment in estimate.counted}


def _beside(estimate: Estimate, peaks: Mapping[str, int]) -> int:
    """Bytes on the device beside the highest of its peaks: the allocator's slack, the context."""
    return estimate.rough.device_bytes - max(peaks.values(), default=0)


def _hoped(peaks: Mapping[str, int], beside: int, chosen: Sequence[_Tried]) -> int:
    """The device bytes if the savings of the moves added up, moment by moment. What lies beside the peaks
    shrinks with them: the least that one of the moves leaves is hoped for.
    """
    apart = min(beside, *(tried.beside for tried in chosen))
    rest = [
        peak - sum(peak - tried.peaks.get(name, peak) for tried in chosen) for name, peak in peaks.items()
    ]
    return apart + max(rest, default=0)


def _goes_further(ways: dict[str, float], other: dict[str, float]) -> bool:
    """Whether one combination changes at least all that another changes, and that at least as much."""
    return all(ways.get(group, 0.0) >= cost for group, cost in other.items())
