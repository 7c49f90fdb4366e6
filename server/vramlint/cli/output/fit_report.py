"""What `vramlint fit` found out about a file, before it is printed."""

from __future__ import annotations

from vramlint.advice.advise import Advice
from vramlint.advice.hardware import Hardware
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.fit_fixes import WayToFit
from vramlint.lint.result import Analysis
from vramlint.memory import Estimate


@dataclass(frozen=True, slots=True)
class FitReport:
    """One file on its GPU. `capacity` is what the GPU can give, bytes."""

    path: str
    analysis: Analysis
    estimate: Estimate
    capacity: int
    ways: tuple[WayToFit, ...] = ()
    maximized: bool = False
    """Whether the ways bring a field to its largest value."""
    expandable: bool = False
    """Whether expandable segments alone make it fit."""
    savings: tuple[Advice, ...] = ()
    hardware: tuple[Hardware, ...] = ()
    limits: tuple[tuple[str, int | None, int], ...] = ()
    """Keys with the largest value that fits, and the value now."""

    @property
    def nothing_fits(self) -> bool:
        """Whether no known change makes it fit."""
        return not self.ways and not self.expandable and self.analysis.verdict != "fits"
