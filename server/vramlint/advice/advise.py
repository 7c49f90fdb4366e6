"""Which changes make a job fit, the least harmful first, each tried by the memory model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from vramlint.advice.changes import Changes, apply
from vramlint.advice.move import HARMS, Move
from vramlint.advice.remedies import ways
from vramlint.advice.search import Answer, Price, Search, State
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.memory import CannotEstimate, Estimate, estimate_job

_MOST_ESTIMATES = 400
_SHARED = ("gradient_accumulation_steps", "parallel.data")
"""Fields of which several moves each take a factor."""
Try = Callable[[Changes], "Estimate | None"]
"""What a run needs after changes; None where they cannot be made."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Changes of a job, and what it needs after them."""

    moves: tuple[Move, ...]
    changes: Changes
    estimate: Estimate
    arithmetic_before: float
    """Of a step of the unchanged run, in operations a weight and token."""
    recomputed: float = 0.0
    """Forward passes that the unchanged run makes twice."""

    @property
    def title(self) -> str:
        """All moves in words."""
        return " + ".join(move.title for move in self.moves)

    @property
    def safe(self) -> bool:
        """Whether the same is trained in the same way."""
        return all(move.safe for move in self.moves)

    @property
    def effects(self) -> tuple[str, ...]:
        """What they do to the training, in words; empty where that stays the same."""
        return tuple(move.effect for move in self.moves if move.effect)

    @property
    def traffic(self) -> tuple[str, ...]:
        """What crosses a link more than before, in words."""
        return tuple(move.traffic for move in self.moves if move.traffic)

    @property
    def compute_percent(self) -> float:
        """Arithmetic of a step beyond what it was, in percent of that; below 0 where it is less."""
        again = self.recomputed + sum(move.forwards for move in self.moves)
        return 100 * (_arithmetic(self.estimate, again) / self.arithmetic_before - 1)


def _arithmetic(estimate: Estimate, again: float) -> float:
    """Operations of a step a weight and token, with so many forward passes made again.

    Forward takes 2, backward 2 for the gradients of activations and 2 for those of each trained weight
    (Kaplan et al. 2020, section 2.1).
    """
    trained = min(1.0, estimate.trainable_parameters / max(1, estimate.parameters))
    return 4 + 2 * trained + 2 * again


def _recomputed(job: TrainingJob) -> float:
    """Forward passes that checkpointing makes twice."""
    every = job.gradient_checkpointing
    if isinstance(every, float):
        return 1 - every
    return 0.0 if every == "none" else 1 / every if isinstance(every, int) else 1.0


def suggest(
    job: TrainingJob,
    capacity_bytes: int,
    expressible: Callable[[Changes], bool] = lambda changes: True,
    attempt: Try | None = None,
    confirm: Callable[[Advice], Answer] = lambda advice: "enough",
) -> Iterator[Advice]:
    """Changes that make `job` fit into `capacity_bytes`, the least harmful first, in the order of HARMS: no
    change of the training is offered before all that train the same are. No advice goes further than another
    on each of its ways.

    `expressible` tells which moves the file can express at all; `attempt` estimates the run after changes,
    `confirm` looks at one that fits by its estimate once more.
    """
    attempt = attempt or partial(_applied, job)
    before = attempt({})
    if before is None:
        return
    steps = offered(job, expressible)
    tried: dict[State, Advice] = {}

    def weigh(state: State) -> int | None:
        chosen = _chosen(steps, state)
        changes = together(job, chosen)
        after = None if changes is None else attempt(changes)
        if changes is None or after is None or after.why_unknown or overloads(before, after):
            return None
        tried[state] = _advice(job, chosen, changes, before, after)
        return after.high_by_count

    def confirmed(state: State) -> Answer:
        return confirm(tried[state])

    prices = [[price_of(move) for move in way] for way in steps]
    doubtful = [axis for axis, way in enumerate(steps) if any(move.may_add for move in way)]
    search = Search(prices, _blocks(steps), weigh, confirmed, capacity_bytes, _MOST_ESTIMATES, doubtful)
    for state in search.solutions():
        yield tried[state]


def advice_of(job: TrainingJob, moves: tuple[Move, ...], attempt: Try) -> Advice | None:
    """What a run needs after some moves; None where they cannot be made."""
    changes, before = together(job, moves), attempt({})
    after = attempt(changes) if changes is not None else None
    if changes is None or before is None or after is None:
        return None
    return _advice(job, moves, changes, before, after)


def _advice(
    job: TrainingJob, moves: tuple[Move, ...], changes: Changes, before: Estimate, after: Estimate
) -> Advice:
    again = _recomputed(job)
    return Advice(moves, changes, after, _arithmetic(before, again), again)


def savings(
    job: TrainingJob,
    before: Estimate,
    expressible: Callable[[Changes], bool] = lambda changes: True,
    attempt: Try | None = None,
) -> tuple[Advice, ...]:
    """What each way saves by itself when it is gone to its end, the least harmful first, and the largest
    saving of those.
    """
    attempt = attempt or partial(_applied, job)
    found: list[Advice] = []
    for way in offered(job, expressible):
        changes = together(job, way[-1:])
        after = attempt(changes) if changes is not None else None
        if changes is None or after is None or overloads(before, after):
            continue
        if after.rough.device_bytes < before.rough.device_bytes:
            found.append(_advice(job, way[-1:], changes, before, after))
    return tuple(
        sorted(found, key=lambda each: (HARMS.index(each.moves[0].harm), each.estimate.rough.device_bytes))
    )


def together(job: TrainingJob, moves: Sequence[Move]) -> Changes | None:
    """The changes of several moves; None where they exclude each other."""
    changes: dict[str, object] = {}
    for move in moves:
        for name, value in move.changes.items():
            if name in changes and name in _SHARED:
                value = changes[name] * value // _now(job, name)
            changes[name] = value
    if changes.get("optimizer_in_backward") and (
        changes.get("gradient_accumulation_steps", 1) != 1 or "method" in changes
    ):
        return None
    return changes if changes.get("parallel.data", 1) != 0 else None


def _now(job: TrainingJob, name: str) -> int:
    return job.parallel.data if name == "parallel.data" else job.gradient_accumulation_steps


def offered(job: TrainingJob, expressible: Callable[[Changes], bool]) -> list[tuple[Move, ...]]:
    """The ways with the steps that the file can express; of steps that cost the same, the first."""
    found = []
    for way in ways(job):
        steps = {(move.harm, move.cost): move for move in reversed(way) if expressible(move.changes)}
        if steps:
            found.append(tuple(reversed(steps.values())))
    return found


def _chosen(steps: Sequence[tuple[Move, ...]], state: State) -> tuple[Move, ...]:
    taken = (way[level - 1] for way, level in zip(steps, state, strict=True) if level)
    return tuple(sorted(taken, key=lambda move: (HARMS.index(move.harm), move.cost)))


def price_of(move: Move) -> Price:
    """Its cost among moves that do the same harm; a worse harm weighs more than any number of others."""
    return tuple(move.cost if harm == move.harm else 0.0 for harm in reversed(HARMS))


def _blocks(steps: Sequence[tuple[Move, ...]]) -> list[list[int]]:
    """The ways by the worst harm on them."""
    worst = [max(HARMS.index(move.harm) for move in way) for way in steps]
    return [[axis for axis, harm in enumerate(worst) if harm == each] for each in range(len(HARMS))]


def overloads(before: Estimate, after: Estimate) -> bool:
    """Whether the host would have to hold more than it is known to have, and more than before."""
    held = 0 if before.host is None else before.host.most_bytes_per_node
    host = after.host
    return host is not None and host.verdict == "does_not_fit" and host.most_bytes_per_node > held


def _applied(job: TrainingJob, changes: Changes) -> Estimate | None:
    try:
        return estimate_job(apply(job, changes))
    except CannotEstimate:
        return None
