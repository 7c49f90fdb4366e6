"""vramlint: what a training run will hold in GPU memory, read from its config file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vramlint.api import CannotEstimate, NoPlan, PlannedLayout, Report, TrainingJob, estimate, plan

__version__ = "0.1.0"
__all__ = ["CannotEstimate", "NoPlan", "PlannedLayout", "Report", "TrainingJob", "estimate", "plan"]


def __getattr__(name: str) -> Any:
    """Load the library when its names are first asked for: the command line needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vramlint import api

    return getattr(api, name)
