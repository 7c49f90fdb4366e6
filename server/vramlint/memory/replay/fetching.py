"""When ZeRO stage 3 fetches each weight and lets it go (deepspeed 0.19.8,
runtime/zero/partitioned_param_coordinator.py, partition_parameters.py).

Weights are gathered on a stream of their own. Every module that runs asks for the weights that it needs now;
once a whole step has been traced, it also asks for the next ones, up to `prefetch` elements at a time and as
long as fewer than `live` are there. Weights that are asked for together arrive in one buffer, are copied out
when the first of them is waited for, and the buffer goes with the last. A weight is let go after its module,
unless the trace has it again within `reuse` elements or the fetching has passed its next use already.

A weight that another stream used than the one it was made on is free once that stream is past it (free_param,
`record_stream`). The host runs ahead of the GPU, so that such a block serves again some time after it was let
go: when the host knows it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Literal

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.replay.events import WAITS, Event, on_stream
from vramlint.memory.replay.micro_batch import Place
from vramlint.memory.replay.pace import gathers_hold_blocks
from vramlint.memory.sharding.plan import Plan
from vramlint.memory.sharding.zero3 import Zero3
from vramlint.memory.tensors import Parameter

IN_FLIGHT = 3
"""Weights that are waited for before the host waits for the first of them (__max_ongoing_fetch_events): so
much later a block that was let go is known to be free. A weight on the host is copied by a call that returns
when its stream is done, so that nothing is waited for then.
"""
BARE = 2
"""Of a layer's modules, those with a weight for each one without (attention, feed-forward, activation)."""


@dataclass(slots=True)
class Weight:
    """A weight of one place of the model."""

    bytes: int
    elements: int
    state: Literal["away", "coming", "there"] = "away"
    arrived: Arrival | None = None
    number: int = 0
    """The storage that it lies in, while it is there."""
    passed: int = -1
    """The last step of the trace that fetching has looked at for it."""


@dataclass(slots=True)
class Arrival:
    """Weights that come in one buffer."""

    number: int
    weights: list[Weight]
    place: int
    """How many were asked for up to this one."""
    share: int | None = None
    """The storage of this rank's share of one weight, where it comes from the host."""
    copied: bool = False


@dataclass(slots=True)
class Leaving:
    """A storage that was let go, and what the host must know to be over before it serves again."""

    number: int
    waits: int
    arrivals: int


@dataclass(slots=True)
class Fetches:
    """The events of one micro batch by place, and how many storages they number from 0 on."""

    events: Mapping[Place, list[Event]]
    numbers: int


def fetches(plan: Plan, weights: Sequence[Sequence[Parameter]], traced: bool) -> Fetches:
    """The fetching of one micro batch through stretches with these `weights`; `traced`: a whole step has been
    traced before.
    """
    assert isinstance(plan, Zero3)
    return _Coordinator(plan, weights, traced).run()


class _Coordinator:
    def __init__(self, plan: Zero3, weights: Sequence[Sequence[Parameter]], traced: bool) -> None:
        self.plan, self.traced = plan, traced
        self.buckets = plan.job.parallel.buckets
        self.stream = plan.job.parallel.buckets.overlap_comm
        self.from_host = plan.ranks > 1 and plan.job.parallel.offload in ("parameters", "both")
        self.held_by_gathers = plan.ranks > 1 and gathers_hold_blocks(plan.job, plan.ranks)
        self.steps = list(self._modules(weights))
        self.there = 0
        self.numbers = 0
        self.asked = 0
        """Arrivals that were asked for."""
        self.arrived = [0]
        """How many of these had come after each wait."""
        self.over = 0
        """Waits that the host knows to be over."""
        self.events: list[Event] = []
        self.leaving: deque[Leaving] = deque()
        self.queue = deque((weight, step) for step, (_, module) in enumerate(self.steps) for weight in module)
        self.uses: dict[int, list[int]] = {}
        for weight, step in self.queue:
            self.uses.setdefault(id(weight), []).append(step)
        sizes = (sum(weight.elements for weight in module) for _, module in self.steps)
        self.before = list(accumulate(sizes, initial=0))
        """Elements of the trace before each step."""

    def run(self) -> Fetches:
        """Every step of the trace."""
        places: dict[Place, list[Event]] = {}
        for step, (place, module) in enumerate(self.steps):
            self.events = places.setdefault(place, [])
            self._gather(module)
            for weight in module:
                self._wait(weight)
            if self.traced:
                self._fetch_ahead(step, module)
            for weight in module:
                if weight.state == "there" and not (self.traced and self._needed(weight, step + 1)):
                    self._let_go(weight)
        for _, module in self.steps:
            for weight in module:
                self._wait(weight)
                if weight.state == "there":
                    self._let_go(weight)
        self.events += ((leaving.number, 0) for leaving in self.leaving)
        return Fetches(places, self.numbers)

    def _modules(self, weights: Sequence[Sequence[Parameter]]) -> Iterator[tuple[Place, list[Weight]]]:
        """The modules that run, each with its weights: forward, then backward from the last, where a layer
        that is checkpointed runs forward again.
        """
        known: dict[int, Weight] = {}
        last = len(weights) - 1
        stretches: list[list[list[Weight]]] = []
        for position, parameters in enumerate(weights):
            modules: list[list[Weight]] = []
            for at, parameter in enumerate(parameters):
                if self.plan.stays_whole(parameter):
                    continue
                made = Weight(self.plan.whole_bytes(parameter), parameter.numel)
                tied = position in (0, last)  # first and last may share a table
                modules.append([known.setdefault(id(parameter), made) if tied else made])
                if at % BARE:
                    modules.append([])
            stretches.append(modules)
        for position, modules in enumerate(stretches):
            yield from ((("forward", position), module) for module in modules)
        again = self.plan.job.gradient_checkpointing != "none"
        for position in range(last, -1, -1):
            modules = stretches[position]
            if again and 0 < position < last:
                yield from ((("backward", position), module) for module in modules)
            yield from ((("backward", position), module) for module in reversed(modules))

    def _fetch_ahead(self, step: int, module: Sequence[Weight]) -> None:
        """Take what runs now out of the queue, then ask for what comes next."""
        new = sum(weight.passed < step for weight in module)
        while self.queue and new:
            weight, at = self.queue.popleft()
            weight.passed = at
            new -= 1
        most = min(self.buckets.live - self.there, self.buckets.prefetch)
        wanted: list[Weight] = []
        asked = 0
        while self.queue and asked < most:
            weight, at = self.queue.popleft()
            weight.passed = max(weight.passed, at)
            if weight.state == "away" and not any(weight is other for other in wanted):
                wanted.append(weight)
                asked += weight.elements
        self._gather(wanted)

    def _gather(self, weights: Sequence[Weight]) -> None:
        missing = [weight for weight in weights if weight.state == "away"]
        if not missing:
            return
        self.asked += 1
        size = sum(weight.bytes for weight in missing)
        arrival = Arrival(self._made(size), missing, self.asked)
        if self.from_host:
            self._known(len(self.arrived) - 1)
            share = self._made(-(-size // self.plan.ranks))
            if len(missing) == 1:
                arrival.share = share
            else:
                self.events.append((share, 0))
        for weight in missing:
            weight.state, weight.arrived = "coming", arrival
            self.there += weight.elements

    def _wait(self, weight: Weight) -> None:
        """A weight that comes alone stays in its buffer, several are copied out of it."""
        arrival, weight.arrived = weight.arrived, None
        if arrival is None:
            return
        self.arrived.append(max(self.arrived[-1], arrival.place))
        if arrival.share is not None:
            self._free(arrival.share)
            arrival.share = None
        self._known(len(self.arrived) - 1 - IN_FLIGHT)
        weight.state = "there"
        if len(arrival.weights) == 1:
            weight.number = arrival.number
            return
        if not arrival.copied:
            arrival.copied = True
            for other in arrival.weights:
                other.state, other.number = "there", self._made(other.bytes)
        if all(other.arrived is not arrival for other in arrival.weights):
            self._free(arrival.number)

    def _needed(self, weight: Weight, step: int) -> bool:
        if weight.passed > step:
            return True
        uses = self.uses[id(weight)]
        following = bisect_left(uses, step)
        if following == len(uses):
            return False
        return self.before[uses[following]] - self.before[step] < self.buckets.reuse

    def _let_go(self, weight: Weight) -> None:
        self._free(weight.number, computed_with=True)
        weight.state = "away"
        self.there -= weight.elements

    def _made(self, size: int) -> int:
        self.numbers += 1
        self.events.append((self.numbers - 1, on_stream(1, size) if self.stream else size))
        return self.numbers - 1

    def _free(self, number: int, computed_with: bool = False) -> None:
        """`computed_with`: the stream of computation used it too, and not only the one of gathering."""
        if not (self.held_by_gathers or (computed_with and self.stream)):
            self.events.append((number, 0))
            return
        self.events.append((number, WAITS))
        arrivals = self.asked if self.held_by_gathers else 0
        self.leaving.append(Leaving(number, len(self.arrived) - 1, arrivals))
        self._known(0)

    def _known(self, waits: int) -> None:
        """The host knows that so many waits are over: what was let go before serves again."""
        self.over = max(self.over, waits)
        arrived, leaving = self.arrived[self.over], self.leaving
        while leaving and leaving[0].waits <= self.over and leaving[0].arrivals <= arrived:
            self.events.append((leaving.popleft().number, 0))
