"""What a replay needs to know of a run."""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.catalog.optimizers import Optimizer
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.persistent import PersistentBytes
from vramlint.memory.sharding.plan import Plan
from vramlint.memory.step import StepProfile
from vramlint.memory.weights import Weights


@dataclass(slots=True)
class Run:
    """One GPU's run, with the walk of its step at full length. `order`: the stretches that it holds."""

    job: TrainingJob
    profile: StepProfile
    order: Sequence[int]
    weights: Weights
    plan: Plan
    persistent: PersistentBytes
    optimizer: Optimizer
    reference: int = 0
    """Bytes that a reference model's forward pass holds beside the step's."""
    in_flight: int = 1
    """Micro batches that have run forward when the first runs backward."""
    away: frozenset[int] = frozenset()
    """Positions in `order` whose saved tensors wait on the host."""
