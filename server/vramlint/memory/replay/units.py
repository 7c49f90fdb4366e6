"""What FSDP does to its units in backward beyond one unit by itself: weights come while the unit before runs,
gradients leave while the next one does, and micro batches that only accumulate reduce nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.lazy_dataclasses import dataclass, field
from vramlint.memory.ledger import Record
from vramlint.memory.replay.events import Event, on_stream
from vramlint.memory.sharding.fsdp import COLLECTED, GATHERED, REDUCED, SHARD, UNSHARDED
from vramlint.memory.step import Segment

REDUCTION = frozenset((COLLECTED, REDUCED, SHARD))


@dataclass(slots=True)
class BackwardUnit:
    """One stretch's backward, as its engine runs it. `gathers` and `reduces` are places of its events."""

    size: int
    """How many events it has."""
    gathers: int | None = None
    """Where its own weights are allocated, if they are asked for ahead."""
    buffer: Event | None = None
    """What they arrive in; the weights themselves, or what they are copied out of and goes then."""
    copied: bool = False
    late: bool = False
    """Whether they are asked for once the unit before is resharded."""
    reduces: int | None = None
    """Where the reduction begins."""
    pending: int | None = None
    """The number of what is reduced, where it stays until the next unit reduces."""
    reduction: frozenset[int] = frozenset()
    """Numbers of all that only a reduction allocates."""
    reducing: list[int] = field(default_factory=list)
    """Places of their events."""
    leaving: list[int] = field(default_factory=list)
    """Places where what is `pending` would go."""


def unit_of(events: Sequence[Event], records: Sequence[Record], segment: Segment) -> BackwardUnit:
    """The unit of one stretch's backward with these `events`; `segment` says what its plan does ahead."""
    made = [(place, number) for place, (number, size) in enumerate(events) if size]
    names = {number: records[number].name for _, number in made}
    unit = BackwardUnit(len(events), late=not segment.fetched)
    unit.reduction = frozenset(number for number, name in names.items() if name in REDUCTION)
    unit.reduces = next((place for place, number in made if number in unit.reduction), None)
    if segment.pending:
        unit.pending = next((number for number, name in names.items() if name == COLLECTED), None)
    unit.reducing = [at for at, (number, _) in enumerate(events) if number in unit.reduction]
    unit.leaving = [at for at, (number, size) in enumerate(events) if number == unit.pending and not size]
    if segment.fetched or segment.fetched_late:
        own = next(((at, one) for at, one in made if names[one] in (GATHERED, UNSHARDED)), None)
        if own is not None:
            unit.gathers, number = own
            unit.copied = names[number] == UNSHARDED
            size = on_stream(1, segment.fetched or segment.fetched_late)
            # What is copied out of has the number after all others.
            unit.buffer = (len(records) if unit.copied else number), size
    return unit


def inserted(
    unit: BackwardUnit,
    own: Sequence[Event],
    coming: Sequence[Event],
    *,
    asked: bool,
    late: bool,
    leaving: Sequence[Event],
) -> dict[int, list[Event]]:
    """By the place of a unit's event, what comes before it. Its `own` weights may be `asked` for already;
    those of the next, `coming`, are asked for before the gradients or, where `late`, after resharding;
    `leaving` goes before the reduction.
    """
    made: dict[int, list[Event]] = {}
    start = 0
    if unit.gathers is not None:
        start = unit.gathers + 1
        if unit.copied:
            made[unit.gathers] = [] if asked else [*own]
            made[start] = [(number, 0) for number, _ in own]
    reduces = unit.size if unit.reduces is None else unit.reduces
    made.setdefault(reduces if late else start, []).extend(coming)
    made.setdefault(reduces, []).extend(leaving)
    return made


def dropped(unit: BackwardUnit, *, asked: bool, reduces: bool) -> list[int]:
    """Places of a unit's events that come at another time, or not at all: what only a reduction has."""
    gone = [] if unit.gathers is None or unit.copied or not asked else [unit.gathers]
    return gone + (unit.leaving if reduces else unit.reducing)
