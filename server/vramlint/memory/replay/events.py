"""What is replayed, and what comes out: storages that come and go, and the bytes that they took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

from vramlint.catalog.facts import MIB
from vramlint.lazy_dataclasses import dataclass, field

SMALL, SMALL_SEGMENT, LARGE_FROM, GRAIN = MIB, 2 * MIB, 10 * MIB, 2 * MIB
Event: TypeAlias = tuple[int, int]
"""A storage's number, and its bytes: positive where it is allocated, negative where that happens on another
stream (`on_stream`), 0 where it is freed, WAITS where it is freed while another stream still uses it.
"""
UNLIMITED = 1 << 40
"""More bytes than any GPU has."""
STREAM = 1 << 50
"""What an event's size is lower by for each further stream."""
WAITS = -(1 << 60)
"""Freed, but not to be used again before the stream that uses it has come as far (Tensor.record_stream): the
event with 0 that follows. Before memory runs out the allocator waits for all such streams.
"""
Stream: TypeAlias = Literal[1, 2]
"""Beside the one of computation: that of gathering weights, and that of reducing gradients."""


def on_stream(stream: Stream, size: int) -> int:
    """The size of an event that allocates `size` bytes on another stream."""
    return -size if stream == 1 else -(STREAM + size)


class History:
    """The events of a run. Those of equal layers are held once, with what their numbers begin at in each."""

    __slots__ = ("_own", "parts")

    def __init__(self) -> None:
        self._own: list[Event] = []
        self.parts: list[tuple[int, Sequence[Event]]] = [(0, self._own)]
        """What to add to the numbers of events, and the events."""

    def append(self, event: Event) -> None:
        """Add one event."""
        self._own.append(event)

    def __iadd__(self, events: Iterable[Event]) -> History:
        self._own += events
        return self

    def repeat(self, base: int, events: Sequence[Event]) -> None:
        """Add events that others share, their numbers counted from `base`."""
        self._own = []
        self.parts += ((base, events), (0, self._own))

    def __iter__(self) -> Iterator[Event]:
        return ((base + number, size) for base, part in self.parts for number, size in part)


class OutOfMemory(Exception):
    """The driver has no more, even after everything that was cached and whole was given back."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The most bytes that were allocated, and that were taken from the driver."""

    allocated: int
    reserved: int
    gave_back: bool = field(default=False, compare=False)
    """Whether something that was cached had to go back to the driver, so that a GPU with room takes more."""


def addresses(device: int, page: int) -> int:
    """Bytes of the range of an expandable segment."""
    return -(-(device + device // 8) // page) * page
