"""What the caching allocator takes from the driver for a run, worked out when somebody asks for it."""

from __future__ import annotations

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures import network_of
from vramlint.memory.replay.run import Run
from vramlint.memory.replay.standard import Event, OutOfMemory, replayed
from vramlint.memory.replay.stretches import Walked, walked
from vramlint.memory.replay.timeline import timeline
from vramlint.memory.step import walk
from vramlint.memory.weights import Weights

STAIRCASE = (0.3, 0.5, 0.7, 0.85, 1.0)
"""Lengths of five batches, as shares of the limit. What a run with many lengths takes depends on when the
long ones come; one that meets its longest first takes what equal lengths do.
"""


def lengths_vary(job: TrainingJob) -> bool:
    """Whether batches are as long as their longest row: trainers pad to it where they do not pack."""
    return not job.packing and job.objective != "pretrain" and job.loop != "plain"


@dataclass(slots=True)
class Replay:
    """The replays of a run on one GPU. It implements `estimate.Reserved`, and keeps nothing but figures."""

    run: Run
    _equal: int | None = None
    _varying: int | None = None

    def equal(self) -> int:
        """Bytes taken on a GPU with room, where every row has the full length."""
        if self._equal is None:
            self._equal = replayed(self.events(varying=False)).reserved
        return self._equal

    def with_room(self) -> int:
        """Bytes taken on a GPU with room, after batches of growing length where lengths vary."""
        if not lengths_vary(self.run.job):
            return self.equal()
        if self._varying is None:
            self._varying = replayed(self.events(varying=True)).reserved
        return self._varying

    def within(self, capacity: int) -> int:
        """Bytes taken where the driver gives at most `capacity`; all of it where the run dies."""
        if self.with_room() <= capacity:
            return self.with_room()
        try:
            return replayed(self.events(lengths_vary(self.run.job)), capacity).reserved
        except OutOfMemory:
            return capacity

    def events(self, varying: bool = False) -> list[Event]:
        """Every storage of the run: two steps of the full length, or one of each of several."""
        run = self.run
        tokens = run.job.sequence_length
        whole = walked(run.profile)
        if not varying:
            return timeline(run, [(tokens, whole)] * 2)
        shorter = [int(share * tokens) for share in STAIRCASE[:-1]]
        return timeline(run, [*((length, _walked_at(run, length)) for length in shorter), (tokens, whole)])


def _walked_at(run: Run, length: int) -> Walked:
    """The run's step with rows of another length."""
    job = replace(run.job, sequence_length=max(1, length))
    return walked(walk(job, network_of(job, Weights(job)), replace(run.plan, job=job)))
