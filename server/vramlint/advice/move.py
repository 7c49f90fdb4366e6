"""One change of a run that saves memory: what it costs, and what it does to the training."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from vramlint.advice.changes import Changes
from vramlint.lazy_dataclasses import dataclass

Harm: TypeAlias = Literal["none", "numerics", "method", "scope"]
"""What a change does to the training, the least first: nothing; other rounding or another optimizer; other
weights are trained; less of the data is seen.
"""
HARMS: tuple[Harm, ...] = get_args(Harm)


@dataclass(frozen=True, slots=True)
class Move:
    """One change. Moves of the same `group` are steps of one way, each with what the one before it saves."""

    group: str
    title: str
    changes: Changes
    cost: float
    """Its place among the moves that do the same harm: how much slower or harder to set up the run gets."""
    harm: Harm = "none"
    forwards: float = 0.0
    """Forward passes that a step makes more than before."""
    traffic: str = ""
    """What crosses a link more than before, in words."""
    may_add: bool = False
    """Whether it adds memory to some runs."""
    effect: str = ""
    """What it does to the training, in words; empty where that stays the same."""

    @property
    def safe(self) -> bool:
        """Whether the same is trained in the same way."""
        return self.harm == "none"
