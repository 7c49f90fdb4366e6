"""What the caching allocator takes from the driver for a run, worked out when somebody asks for it."""

from __future__ import annotations

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, field, replace
from vramlint.memory.architectures import network_of
from vramlint.memory.replay.caching_allocator import replayed_with
from vramlint.memory.replay.run import Run
from vramlint.memory.replay.settings import Settings, parsed
from vramlint.memory.replay.standard import Event, OutOfMemory, replayed
from vramlint.memory.replay.stretches import Walked, walked
from vramlint.memory.replay.timeline import timeline
from vramlint.memory.step import walk
from vramlint.memory.weights import Weights

EXPANDABLE = Settings(expandable=True)
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
    _lives: dict[tuple[int, bool], bool] = field(default_factory=dict)

    def equal(self) -> int:
        """Bytes taken on a GPU with room, where every row has the full length."""
        if self._equal is None:
            self._equal = self._taken(varying=False)
        return self._equal

    def with_room(self) -> int:
        """Bytes taken on a GPU with room, after batches of growing length where lengths vary."""
        if not lengths_vary(self.run.job):
            return self.equal()
        if self._varying is None:
            self._varying = self._taken(varying=True)
        return self._varying

    def lives(self, capacity: int, expandable: bool = False) -> bool:
        """Whether the run does not die where the driver gives at most `capacity` bytes; `expandable`: with
        expandable segments, whatever the job says.
        """
        asked = capacity, expandable
        if asked not in self._lives:
            try:
                self._taken(lengths_vary(self.run.job), capacity, EXPANDABLE if expandable else None)
                self._lives[asked] = True
            except OutOfMemory:
                self._lives[asked] = False
        return self._lives[asked]

    def within(self, capacity: int) -> int:
        """Bytes taken where the driver gives at most `capacity`; all of it where the run dies."""
        if self.with_room() <= capacity:
            return self.with_room()
        try:
            return self._taken(lengths_vary(self.run.job), capacity)
        except OutOfMemory:
            return capacity

    def _taken(self, varying: bool, capacity: int | None = None, settings: Settings | None = None) -> int:
        """Bytes taken. Raises OutOfMemory."""
        job, events = self.run.job, self.events(varying)
        settings = settings or parsed(job.allocator)
        if settings == Settings():
            return replayed(events, capacity).reserved
        device = job.gpu.memory_bytes if job.gpu is not None else None
        return replayed_with(settings, events, capacity, device).reserved

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
