"""What the caching allocator takes from the driver for a run, worked out when somebody asks for it."""

from __future__ import annotations

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, field, replace
from vramlint.memory.architectures import network_of
from vramlint.memory.replay.caching_allocator import replayed_with
from vramlint.memory.replay.events import History, OutOfMemory
from vramlint.memory.replay.run import Run
from vramlint.memory.replay.settings import Settings, parsed
from vramlint.memory.replay.standard import expanded, replayed
from vramlint.memory.replay.stretches import Walked, walked
from vramlint.memory.replay.timeline import timeline
from vramlint.memory.step import walk
from vramlint.memory.weights import Weights

EXPANDABLE = Settings(expandable=True)
STAIRCASE = (0.3, 0.5, 0.7, 0.85, 1.0)
"""Lengths of five batches, as shares of the limit. What a run with many lengths takes depends on when the
long ones come; one that meets its longest first takes what equal lengths do.
"""


_latest: list[tuple[Run | None, bool, History]] = [(None, False, History())]
"""The events that were made last: one verdict replays them several times, and they are megabytes."""


def lengths_vary(job: TrainingJob) -> bool:
    """Whether batches are as long as their longest row: trainers pad to it where they do not pack."""
    return not job.packing and job.objective != "pretrain" and job.loop != "plain"


@dataclass(slots=True)
class Replay:
    """The replays of a run on one GPU. It implements `estimate.Reserved`, and keeps nothing but figures."""

    run: Run
    _with_room: dict[tuple[bool, Settings], int] = field(default_factory=dict)
    _lives: dict[tuple[int, bool], bool] = field(default_factory=dict)

    def equal(self) -> int:
        """Bytes taken on a GPU with room, where every row has the full length."""
        return self._taken_with_room(False, self._settings)

    def with_room(self) -> int:
        """Bytes taken on a GPU with room, after batches of growing length where lengths vary, or of the full
        length where these take more.
        """
        return max(self._taken_with_room(varying, self._settings) for varying in {self._varying, False})

    def lives(self, capacity: int, expandable: bool = False) -> bool:
        """Whether the run does not die where the driver gives at most `capacity` bytes; `expandable`: with
        expandable segments, whatever the job says.
        """
        settings, asked = EXPANDABLE if expandable else self._settings, (capacity, expandable)
        if asked not in self._lives:
            self._lives[asked] = self._alive(settings, capacity)
        return self._lives[asked]

    def _alive(self, settings: Settings, capacity: int) -> bool:
        known = (self._varying, settings) in self._with_room
        if (known or settings != Settings()) and self._taken_with_room(self._varying, settings) <= capacity:
            return True  # nothing that was cached had to be given back
        try:
            self._taken(self._varying, settings, capacity)
        except OutOfMemory:
            return False
        return True

    def within(self, capacity: int) -> int:
        """Bytes taken where the driver gives at most `capacity`; all of it where the run dies."""
        if self.with_room() <= capacity:
            return self.with_room()
        try:
            return self._taken(self._varying, self._settings, capacity)
        except OutOfMemory:
            return capacity

    @property
    def _varying(self) -> bool:
        return lengths_vary(self.run.job)

    @property
    def _settings(self) -> Settings:
        return parsed(self.run.job.allocator)

    def _taken_with_room(self, varying: bool, settings: Settings) -> int:
        asked = varying, settings
        if asked not in self._with_room:
            self._with_room[asked] = self._taken(varying, settings)
        return self._with_room[asked]

    def _taken(self, varying: bool, settings: Settings, capacity: int | None = None) -> int:
        """Bytes taken. Raises OutOfMemory."""
        job, events = self.run.job, self.events(varying)
        if settings == Settings():
            taken = replayed(events, capacity)
            if not taken.gave_back:
                self._with_room[varying, settings] = taken.reserved
            return taken.reserved
        device = job.gpu.memory_bytes if job.gpu is not None else None
        if settings == EXPANDABLE and capacity is None:
            return expanded(events, device).reserved
        return replayed_with(settings, events, capacity, device).reserved

    def events(self, varying: bool = False) -> History:
        """Every storage of the run: two steps of the full length, or one of each of several."""
        run, of_varying, events = _latest[0]
        if run is not self.run or of_varying is not varying:
            events = self._events(varying)
            _latest[0] = self.run, varying, events
        return events

    def _events(self, varying: bool) -> History:
        run = self.run
        tokens = run.job.sequence_length
        whole = walked(run.profile, not run.plan.fetches_ahead)
        if not varying:
            return timeline(run, [(tokens, whole)] * 2)
        shorter = [int(share * tokens) for share in STAIRCASE[:-1]]
        steps = [*((length, _walked_at(run, length)) for length in shorter), (tokens, whole)]
        return timeline(run, steps)


def _walked_at(run: Run, length: int) -> Walked:
    """The run's step with rows of another length."""
    job = replace(run.job, sequence_length=max(1, length))
    profile = walk(job, network_of(job, Weights(job)), replace(run.plan, job=job))
    return walked(profile, not run.plan.fetches_ahead)
