"""Which tensors are alive at the peak: the history of the ledger played back, each layer's share taken as
often as there are such layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.estimate import Component, TensorAtPeak
from vramlint.memory.ledger import Record
from vramlint.memory.step import StepProfile


@dataclass(frozen=True, slots=True)
class PeakPlace:
    """Where the peak is: the phase, and the position in the model's order ("between" forward and backward:
    the head's).
    """

    phase: str
    position: int


def tensors_at(
    profile: StepProfile, place: PeakPlace, order: Sequence[int], most: int
) -> tuple[TensorAtPeak, ...]:
    """The `most` largest groups of equal tensors among activations, temporaries and gradients, largest first.

    A layer that the walk has left holds what was alive when it was left; one that backward has still to
    reach, what forward left of it.
    """
    here = order[place.position]
    backward = place.phase == "backward"
    stretches = profile.backward if backward else profile.forward
    wanted = {
        "peak": stretches[here].peak_event,
        "middle": profile.after_loss.end_event,
        **{f"left {index}": stretches[index].end_event for index in set(order)},
    }
    pictures = _pictures(profile, wanted)
    total: Counter[Record] = Counter()
    for position, index in enumerate(order):
        if position == place.position:
            picture = pictures["peak"]
        elif (position > place.position) == backward:
            picture = pictures[f"left {index}"]
        elif backward:
            picture = pictures["middle"]
        else:
            continue
        for record, count in picture.items():
            if record.segment == index:
                total[record] += count
    return _grouped(total, most)


def _pictures(profile: StepProfile, wanted: dict[str, int]) -> dict[str, Counter[Record]]:
    """What is alive after each of the wanted numbers of events."""
    alive: Counter[Record] = Counter()
    found: dict[str, Counter[Record]] = {}
    done = 0
    ledger = profile.tape.ledger
    for name, until in sorted(wanted.items(), key=lambda item: item[1]):
        for event in ledger.events[done:until]:
            alive[ledger.records[event if event >= 0 else ~event]] += 1 if event >= 0 else -1
        done = max(done, until)
        found[name] = Counter({record: count for record, count in alive.items() if count > 0})
    return found


def _grouped(records: Counter[Record], most: int) -> tuple[TensorAtPeak, ...]:
    """Records of one name, shape and dtype together, whatever layer they belong to."""
    groups: dict[tuple[str, str, tuple[int, ...], str], list[int]] = {}
    for record, count in records.items():
        sums = groups.setdefault((record.name, record.component, record.shape, record.dtype), [0, 0])
        sums[0] += count
        sums[1] += count * record.bytes
    largest = sorted(groups.items(), key=lambda item: -item[1][1])[:most]
    return tuple(
        TensorAtPeak(name, _component(component), shape, dtype, count, size)
        for (name, component, shape, dtype), (count, size) in largest
    )


def _component(name: str) -> Component:
    return "gradients" if name == "gradients" else "activations"
