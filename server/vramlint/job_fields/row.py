"""What is known of one field of a job beside its type and default, which `job.py` holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.vocabulary import Component

Steps: TypeAlias = Literal["one", "double", "single", "choices", "none"]
Blamed: TypeAlias = Component | Literal["at evaluation", "at generation", "at load", "at save"]
Test: TypeAlias = Callable[[TrainingJob], bool]


@dataclass(frozen=True, slots=True)
class Moves:
    """What a field moves, and which of its other values say so."""

    component: Component | None = None
    """What it decides most of; None: several."""
    steps: Steps = "choices"
    """How its neighbours are found."""
    worth: tuple[Any, ...] = ()
    """The values worth comparing where there are many."""


@dataclass(frozen=True, slots=True)
class JobField:
    """A field, or a group of them, by its dotted name. A field is read by the job file, by hovers, rules and
    advice from here alone.
    """

    path: str
    effect: str = ""
    """What it does to memory, in a sentence or two; empty for a group, and for what no job file writes."""
    moves: Moves | None = None
    """None: as its group."""
    smallest: Test | None = None
    """Whether a job's value is as small as it gets, so that it is not to blame for what is needed."""
    blame: Mapping[Blamed, int] = field(default_factory=dict)
    """Components, and moments beside the training step, that it can be blamed for; the smallest change of a
    run has the lowest number.
    """
    counts: Test | None = None
    """Whether it decides anything in such a run. None: as its group; at the top, always."""
    matters: int = 0
    """Its place among the assumptions that move an estimate most; 0: not among them."""
    holds: Component | None = None
    """The component that a finding shows beside its key."""
    hinted: bool = False
    """Whether an editor shows its share after its value."""
    about: Literal["trained", "shared"] | None = None
    """Whether it decides which weights are trained, or who shares the run; fields below it do so too."""
    always: bool = False
    """Whether a written job says it though it has the default."""
