"""An estimate beside what was measured: where they differ, and what would make the difference.

Parts are compared where whoever measured told them apart. Of a single figure, other values of single fields
are tried, those that the file does not say first: the one whose estimate comes nearest names the component.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vramlint.advice.changes import apply
from vramlint.explain.format import LABELS
from vramlint.job import TrainingJob, Written
from vramlint.lazy_dataclasses import dataclass
from vramlint.measured import Measured, Total
from vramlint.memory import CannotEstimate, Estimate, estimate_job
from vramlint.vocabulary import Component

FIGURES: Mapping[Total, Callable[[Estimate], int]] = {
    "allocated": lambda estimate: estimate.peak_allocated_bytes,
    "reserved": lambda estimate: estimate.peak_reserved_bytes,
    "process": lambda estimate: estimate.process_bytes,
}
_TRIED: Mapping[str, tuple[Any, ...]] = {
    "precision.weights": ("float32", "bfloat16"),
    "precision.master_weights": ("float32", "none"),
    "precision.optimizer_states": ("float32", "bfloat16"),
    "precision.gradients": ("float32", "bfloat16"),
    "optimizer": ("adamw_torch", "adamw_torch_fused", "adamw_8bit"),
    "gradient_checkpointing": ("none", "full"),
    "activation_offload": (False, True),
    "attention": ("eager", "sdpa", "flash_attention_2"),
    "loss": ("full-logits", "fused-linear"),
    "packing": (False, True),
    "parallel.strategy": ("ddp", "zero2", "zero3", "fsdp2"),
    "parallel.sync_each_batch": (False, True),
    "reference_model": ("none", "resident"),
    "loading": ("device", "rank-0"),
    "method": ("full", "lora", "qlora"),
}
"""Fields that configs leave to a framework, and the values that are tried for each."""
_NEARER = 0.5
"""A value explains a difference of which it leaves at most this share."""


@dataclass(frozen=True, slots=True)
class PartDifference:
    """Components that were measured together: bytes measured and estimated."""

    components: tuple[Component, ...]
    measured: int
    estimated: int

    @property
    def label(self) -> str:
        """The components in words."""
        return " and ".join(LABELS[component] for component in self.components)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A value of a field under which the estimate would be nearer, and the component that it moves."""

    field: str
    value: Any
    component: Component
    bytes: int
    """What the estimate is then."""


@dataclass(frozen=True, slots=True)
class Verification:
    """An estimate beside a measured figure."""

    measured: Measured
    estimated: int
    band: float
    parts: tuple[PartDifference, ...] = ()
    explanations: tuple[Explanation, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the measured figure lies inside the estimate's band."""
        return abs(self.estimated - self.measured.bytes) <= self.band * self.estimated

    @property
    def differs(self) -> str | None:
        """The component that differs, in words; None where the figures agree or nothing tells."""
        if self.agrees:
            return None
        if self.parts:
            return max(self.parts, key=lambda part: abs(part.measured - part.estimated)).label
        return LABELS[self.explanations[0].component] if self.explanations else None


def verify(job: TrainingJob, estimate: Estimate, measured: Measured) -> Verification:
    """The estimate of `job` beside what was measured."""
    estimated = FIGURES[measured.total](estimate)
    parts = tuple(
        PartDifference(components, size, sum(_at_peak(estimate, each) for each in components))
        for components, size in measured.parts.items()
    )
    found = Verification(measured, estimated, estimate.error_band, parts)
    if found.agrees or parts:
        return found
    nearest = sorted(_explanations(job, estimate, found), key=lambda each: abs(each.bytes - measured.bytes))
    return Verification(measured, estimated, estimate.error_band, parts, tuple(nearest[:3]))


def _at_peak(estimate: Estimate, component: Component) -> int:
    """Bytes of a component at the peak; of one that stays, when it is whole."""
    stays = component in ("weights", "optimizer_states")
    return (estimate.component_sizes if stays else estimate.components).get(component, 0)


def _explanations(job: TrainingJob, estimate: Estimate, found: Verification) -> Iterator[Explanation]:
    """Single fields that the file leaves open, with a value that leaves less of the difference."""
    gap = abs(found.estimated - found.measured.bytes)
    for field, values in _TRIED.items():
        if isinstance(job.origins.get(field), Written):
            continue
        for value in values:
            other = _estimate(job, field, value)
            if other is None:
                continue
            size = FIGURES[found.measured.total](other)
            if abs(size - found.measured.bytes) <= _NEARER * gap:
                moved = {
                    name: other.components[name] - estimate.components[name] for name in estimate.components
                }
                yield Explanation(field, value, max(moved, key=lambda name: abs(moved[name])), size)


def _estimate(job: TrainingJob, field: str, value: Any) -> Estimate | None:
    try:
        return estimate_job(apply(job, {field: value}))
    except CannotEstimate:
        return None
