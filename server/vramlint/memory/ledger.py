"""Every byte of a step: what storages there are, what they hold, and the most there ever was at once."""

from __future__ import annotations

from math import prod
from typing import NamedTuple, TypeAlias

DTYPE_BYTES: dict[str, float] = {
    "float64": 8,
    "float32": 4,
    "bfloat16": 2,
    "float16": 2,
    "float8": 1,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}
Shape: TypeAlias = "tuple[int, ...]"


def rounded(size: float) -> int:
    """Bytes that the CUDA caching allocator hands out for `size` bytes: multiples of 512
    (c10/core/AllocatorConfig.h, kMinBlockSize).
    """
    return -(-int(size) // 512) * 512


def numel(shape: Shape) -> int:
    """Elements of a tensor of this shape."""
    return prod(shape)


class Record(NamedTuple):
    """What the ledger knows of one storage: where it was made, what it is."""

    segment: int
    name: str
    component: str
    shape: Shape
    dtype: str
    bytes: int


class Ledger:
    """Counts bytes. `events` is the history: a storage's number where it is allocated, the number's
    complement (`~number`) where it is released; `records` says what each is.
    """

    __slots__ = (
        "current",
        "events",
        "gradients",
        "peak",
        "peak_event",
        "peak_gradients",
        "records",
        "renamed",
        "segment",
        "summed",
    )

    def __init__(self) -> None:
        self.current = 0
        self.gradients = 0
        self.peak = 0
        self.peak_gradients = 0
        self.peak_event = 0
        self.segment = 0
        self.records: list[Record] = []
        self.events: list[int] = []
        self.renamed: dict[int, int] = {}
        """Number under which the same bytes are booked → the number before."""
        self.summed: list[int] = []
        """Gradients that were added to one that is there."""

    def rename(self, number: int, name: str) -> int:
        """Book a temporary as a stored gradient of that name; its new number."""
        old = self.records[number]
        new = len(self.records)
        self.records.append(Record(old.segment, name, "gradients", old.shape, old.dtype, old.bytes))
        self.events += (~number, new)
        self.renamed[new] = number
        self.gradients += old.bytes
        return new

    def restart_peak(self) -> None:
        """Forget the peak so far: the next one is that of the stretch that begins now."""
        self.peak = self.current
        self.peak_gradients = self.gradients
        self.peak_event = len(self.events)


class Storage:
    """Bytes on the GPU, released when nothing refers to this object any more."""

    __slots__ = ("__weakref__", "ledger", "number")

    def __init__(self, ledger: Ledger, record: Record) -> None:
        self.ledger = ledger
        records, events = ledger.records, ledger.events
        self.number = number = len(records)
        records.append(record)
        events.append(number)
        ledger.current = current = ledger.current + record.bytes
        if current > ledger.peak:
            ledger.peak = current
            ledger.peak_gradients = ledger.gradients
            ledger.peak_event = len(events)

    def __del__(self) -> None:
        ledger, number = self.ledger, self.number
        record = ledger.records[number]
        ledger.events.append(~number)
        ledger.current -= record.bytes
        if record.component == "gradients":
            ledger.gradients -= record.bytes

    @property
    def record(self) -> Record:
        """What the ledger knows of it."""
        return self.ledger.records[self.number]

    def becomes_gradient(self, name: str) -> None:
        """Book the same bytes as a stored gradient instead of a temporary."""
        self.number = self.ledger.rename(self.number, name)
