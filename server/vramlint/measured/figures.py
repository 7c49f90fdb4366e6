"""A measured figure, and its parts where whoever measured told them apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from vramlint.lazy_dataclasses import dataclass, field
from vramlint.vocabulary import Component

Total: TypeAlias = Literal["allocated", "reserved", "process"]
"""torch.cuda.max_memory_allocated, max_memory_reserved, what nvidia-smi shows for the process."""
Part: TypeAlias = tuple[Component, ...]
"""Components that were measured together."""


class NotAMeasurement(Exception):
    """A text or file that tells no figure; the message says what to give instead."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Bytes on one GPU. `parts` are those at the peak, as far as they were told apart."""

    total: Total
    bytes: int
    parts: Mapping[Part, int] = field(default_factory=dict)
    source: str = "as given"
