"""The storages of a walked step: what each stretch allocates and frees, in PyTorch's order."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import chain

from vramlint.lazy_dataclasses import dataclass, field
from vramlint.memory.replay.events import Event, on_stream
from vramlint.memory.replay.units import BackwardUnit, unit_of
from vramlint.memory.sharding.fsdp import GATHERED, STREAMS, UNSHARDED
from vramlint.memory.step import StepProfile


@dataclass(slots=True)
class Stretch:
    """What one pass over a stretch does."""

    events: list[Event] = field(default_factory=list)
    foreign: list[int] = field(default_factory=list)
    """Indices of the events that free another stretch's storage."""
    sums: list[int] = field(default_factory=list)
    """Indices of those that free a gradient because it was added to one that was there."""
    copies: dict[Hashable, Sequence[Event]] = field(default_factory=dict)
    """As layers of its kind do it, their numbers counted from each one's first; by what they differ in."""


@dataclass(slots=True)
class Walked:
    """The history of a walked step, by stretch. Index 0 is the embedding, the last one head and loss."""

    forward: list[Stretch]
    autocast_end: list[Stretch]
    after_loss: Stretch
    backward: list[Stretch]
    owner: dict[int, int]
    """Number of a storage → the stretch that allocated it."""
    outputs: Sequence[int]
    """Number of each stretch's output."""
    arriving: Sequence[int]
    """Number of the gradient that each stretch's backward leaves for the stretch before."""
    left: list[list[int]]
    """By stretch, what is alive after the step: no gradient, and no weight that stays gathered."""
    gathered: list[list[int]]
    """By stretch, the weights that no micro batch's backward pass lets go of."""
    gradients: list[list[int]]
    """By stretch, the gradients that are alive after the step."""
    saved: list[list[Event]]
    """By stretch, what its forward pass keeps for backward, with sizes; its output is not among it."""
    summed: frozenset[int]
    """Gradients that were added to one that was there, and freed: in a first micro batch they stay."""
    sizes: dict[int, int]
    """Bytes of each stretch's output, by number."""
    gradient_sizes: dict[int, int]
    """Bytes of each gradient, by number."""
    units: list[BackwardUnit]
    """By stretch, what its engine does ahead of its backward, and after it."""
    numbers: int
    """Storages of the walk, and one more that units arrive in."""


def walked(profile: StepProfile, gathers: bool = True) -> Walked:
    """The history of `profile`, cut into its stretches; `gathers`: with the weights that an engine gathers
    for each.
    """
    ledger = profile.tape.ledger
    stretches = len(profile.forward)
    ends = [
        *((index, segment.end_event) for index, segment in enumerate(profile.forward)),
        *((index, segment.end_event) for index, segment in enumerate(profile.autocast_end)),
        (stretches - 1, profile.after_loss.end_event),
        *((index, profile.backward[index].end_event) for index in reversed(range(stretches))),
    ]
    owner: dict[int, int] = {}
    root: dict[int, int] = {}
    parts: list[Stretch] = []
    sizes = [_size(record.name, record.bytes) for record in ledger.records]
    apart = set() if gathers else {at for at, record in enumerate(ledger.records) if record.name == GATHERED}
    begin = 0
    for index, end in ends:
        part = Stretch()
        for event in ledger.events[begin:end]:
            if (event if event >= 0 else ~event) in apart:
                continue
            if event < 0:
                number = root.get(~event, ~event)
                if owner[number] != index:
                    part.foreign.append(len(part.events))
                part.events.append((number, 0))
            elif (earlier := ledger.renamed.get(event)) is not None:
                # The same bytes under another name: take back that they were freed.
                root[event] = root.get(earlier, earlier)
                part.events.pop()
                if part.foreign and part.foreign[-1] == len(part.events):
                    part.foreign.pop()
            else:
                owner[event] = index
                part.events.append((event, sizes[event]))
        parts.append(part)
        begin = end
    summed = frozenset(root.get(number, number) for number in ledger.summed)
    for part in parts:
        part.sums = [at for at, (number, size) in enumerate(part.events) if not size and number in summed]
    freed = {number for part in parts for number, size in part.events if not size}
    stored = {number for new, number in root.items() if ledger.records[new].component == "gradients"}
    staying = {at for at, record in enumerate(ledger.records) if record.name == UNSHARDED}
    left: list[list[int]] = [[] for _ in range(stretches)]
    unsharded: list[list[int]] = [[] for _ in range(stretches)]
    gradients: list[list[int]] = [[] for _ in range(stretches)]
    for number, index in owner.items():
        if number not in freed:
            kind = gradients if number in stored else unsharded if number in staying else left
            kind[index].append(number)
    outputs = [root.get(number, number) for number in profile.outputs]
    saved = [
        [event for event in part.events if event[1] and event[0] != outputs[index]]
        for index, part in enumerate(parts[:stretches])
    ]
    for index, kept in enumerate(saved):
        gone = {
            number
            for part in (parts[index], parts[stretches + index])
            for number, size in part.events
            if not size
        }
        saved[index] = [event for event in kept if event[0] not in gone]
    backward = parts[2 * stretches + 1 :]
    backward.reverse()
    return Walked(
        parts[:stretches],
        parts[stretches : 2 * stretches],
        parts[2 * stretches],
        backward,
        owner,
        outputs,
        [root.get(number, number) for number in profile.arriving],
        left,
        unsharded,
        gradients,
        saved,
        summed,
        {number: sizes[number] for number in outputs if number >= 0},
        {number: ledger.records[number].bytes for number in (*summed, *chain.from_iterable(gradients))},
        [
            unit_of(part.events, ledger.records, segment)
            for part, segment in zip(backward, profile.backward, strict=True)
        ],
        len(sizes) + 1,
    )


def _size(name: str, size: int) -> int:
    stream = STREAMS.get(name)
    return size if stream is None else on_stream(stream, size)
