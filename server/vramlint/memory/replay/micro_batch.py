"""One micro batch through every layer: the walk's stretches, copied for each layer of their kind.

Each copy's storages have numbers of their own. What a stretch frees of its neighbours' is the border: its
input in forward, the gradient of its output in backward; of any other stretch, all copies of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from vramlint.lazy_dataclasses import dataclass, field
from vramlint.memory.replay.events import Event, History
from vramlint.memory.replay.stretches import Stretch, Walked
from vramlint.memory.replay.units import dropped, inserted

Place: TypeAlias = "tuple[Literal['forward', 'backward'], int]"
"""A pass, and a position in the model's order."""


@dataclass(slots=True)
class MicroBatch:
    """One micro batch on the layers at `order`, its storages numbered from `base` on.

    `keeps`: gradients that the walk has added to others stay, as in a step's first micro batch.
    """

    walk: Walked
    order: Sequence[int]
    base: int
    keeps: bool
    away: frozenset[int] = frozenset()
    """Positions whose saved tensors wait on the host between forward and backward."""
    fetched: Mapping[Place, Sequence[Event]] = field(default_factory=dict)
    """What an engine fetches and lets go of before each place."""
    there: frozenset[int] = frozenset()
    """Storages of the walk that an earlier micro batch has made and that stay for all of them."""
    reduces: bool = True
    """False where gradients only accumulate, whole."""
    after: Mapping[int, Sequence[Event]] = field(default_factory=dict)
    """What an engine allocates or frees after each position's backward."""

    @property
    def end(self) -> int:
        """The first number after those of this micro batch."""
        return self.base + len(self.order) * self.walk.numbers

    def forward(self, events: History) -> None:
        """Add the forward pass, up to where backward begins."""
        walk, order = self.walk, self.order
        for position, index in enumerate(order):
            events += self.fetched.get(("forward", position), ())
            events.repeat(*self._copy(walk.forward[index], position))
            if position in self.away:
                events += ((number, 0) for number, _ in self._saved(position))
        for position, index in enumerate(order):
            if walk.autocast_end[index].events:
                events.repeat(*self._copy(walk.autocast_end[index], position))
        if order[-1] == len(walk.forward) - 1:
            events.repeat(*self._copy(walk.after_loss, len(order) - 1))

    def backward(self, events: History) -> None:
        """Add the backward pass."""
        pending: list[Event] = []
        for position in reversed(range(len(self.order))):
            if position - 1 in self.away:  # fetched while the layer after it runs
                events += self._saved(position - 1)
            events += self.fetched.get(("backward", position), ())
            events.repeat(*self._backward(position, pending))
            events += self.after.get(position, ())
        events += pending

    def _backward(self, position: int, pending: list[Event]) -> tuple[int, Sequence[Event]]:
        """One layer's; `pending`: what the one after it left to be freed when this one reduces."""
        stretch, unit = self.walk.backward[self.order[position]], self.walk.units[self.order[position]]
        asked = position + 1 < len(self.order)
        leaving: list[Event] = []
        if self.reduces and unit.reduces is not None:
            leaving, pending[:] = list(pending), []
            if unit.pending is not None:
                pending.append((self._number(position, unit.pending), 0))
        late = position > 0 and self.walk.units[self.order[position - 1]].late
        own, coming = self._buffer(position), self._buffer(position - 1)
        added = inserted(unit, own, coming, asked=asked, late=late, leaving=leaving)
        gone = dropped(unit, asked=asked, reduces=self.reduces)
        return self._copy(stretch, position, gone, added)

    def _buffer(self, position: int) -> list[Event]:
        """What a unit's weights arrive in, where they are asked for ahead."""
        found = self.walk.units[self.order[position]].buffer if position >= 0 else None
        return [] if found is None else [(self._number(position, found[0]), found[1])]

    def left(self) -> Iterator[Event]:
        """What goes when the variables of the step go."""
        return self._freed(self.walk.left)

    def gathered(self) -> Iterator[Event]:
        """The weights that stay gathered while micro batches follow."""
        return self._freed(self.walk.gathered)

    def gradients(self) -> Iterator[Event]:
        """The gradients that it leaves, freed from the first layer to the last."""
        yield from self._freed(self.walk.gradients)
        if self.keeps:
            for position, index in enumerate(self.order):
                for number in self.walk.summed:
                    if self.walk.owner[number] == index:
                        yield self._number(position, number), 0

    def gradient_bytes(self) -> int:
        """Bytes of the gradients that it leaves."""
        walk = self.walk
        each = [sum(walk.gradient_sizes[number] for number in numbers) for numbers in walk.gradients]
        if self.keeps:
            for number in walk.summed:
                each[walk.owner[number]] += walk.gradient_sizes[number]
        return sum(each[index] for index in self.order)

    def _saved(self, position: int) -> list[Event]:
        """What a layer saves, its input among it."""
        base = self._number(position, 0)
        own = [(base + number, size) for number, size in self.walk.saved[self.order[position]]]
        entering = self.walk.outputs[self.order[position - 1]] if position else -1
        size = self.walk.sizes.get(entering)
        return own if size is None else [*((number, size) for number in self._output(position - 1)), *own]

    def _freed(self, numbers: Sequence[Sequence[int]]) -> Iterator[Event]:
        for position, index in enumerate(self.order):
            unit = self.walk.units[index]
            for number in numbers[index]:
                if not self.reduces and number in unit.reduction:
                    continue
                yield self._number(position, number), 0

    def _number(self, position: int, number: int) -> int:
        return self.base + position * self.walk.numbers + number

    def _copy(
        self,
        stretch: Stretch,
        position: int,
        dropped: Sequence[int] = (),
        inserted: Mapping[int, Sequence[Event]] | None = None,
    ) -> tuple[int, Sequence[Event]]:
        """The first number of a position, and a stretch's events with numbers counted from there: without
        those at places that are `dropped`, and with what is `inserted` before others.
        """
        base = self._number(position, 0)
        foreign = tuple(
            (at, tuple(found - base for found in self._found(position, stretch.events[at][0])))
            for at in stretch.foreign
        )
        own = tuple(
            (at, tuple((number - base, size) for number, size in events))
            for at, events in (inserted or {}).items()
        )
        differs: Hashable = foreign, own, tuple(dropped), self.keeps, self.there
        if differs not in stretch.copies:
            by_place = {at: [(number, 0) for number in numbers] for at, numbers in foreign}
            by_place |= {at: [] for at in (*(stretch.sums if self.keeps else ()), *dropped)}
            for at, coming in own:
                by_place[at] = [*coming, *by_place.get(at, stretch.events[at : at + 1])]
            copied = [*stretch.events]
            for at, events in sorted(by_place.items(), reverse=True):
                copied[at : at + 1] = events
            stretch.copies[differs] = [event for event in copied if event[0] not in self.there]
        return base, stretch.copies[differs]

    def _found(self, position: int, number: int) -> list[int]:
        """The numbers of what the stretch at `position` calls `number`, which another one allocated."""
        walk, order = self.walk, self.order
        index = order[position]
        if index and number == walk.outputs[index - 1] and position:
            return self._output(position - 1)
        if (
            index + 1 < len(walk.arriving)
            and number == walk.arriving[index + 1]
            and position + 1 < len(order)
        ):
            return self._gradient(position + 1)
        owner = walk.owner[number]
        return [self._number(place, number) for place, kind in enumerate(order) if kind == owner]

    def _output(self, position: int) -> list[int]:
        """The output of the stretch at `position`."""
        number = self.walk.outputs[self.order[position]]
        return self._own(position, number) if number >= 0 else []

    def _gradient(self, position: int) -> list[int]:
        """The gradient that the stretch at `position` leaves for the one before."""
        number = self.walk.arriving[self.order[position]]
        return self._own(position, number) if number >= 0 else []

    def _own(self, position: int, number: int) -> list[int]:
        if self.walk.owner[number] == self.order[position]:
            return [self._number(position, number)]
        return self._found(position, number)
