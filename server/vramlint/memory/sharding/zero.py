"""DeepSpeed's ZeRO (deepspeed 0.19.2, runtime/zero/stage_1_and_2.py, stage3.py)."""

from __future__ import annotations

from typing import ClassVar

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.ledger import DTYPE_BYTES, rounded
from vramlint.memory.sharding.plan import Gathered, Plan, Unit, drop_gradient
from vramlint.memory.tape import Parameter, Tape, Tensor


@dataclass(slots=True)
class Zero1(Plan):
    """Optimizer states are shared."""

    deepspeed: ClassVar[bool] = True
    shares_states: ClassVar[bool] = True

    def buffers(self, trained_elements: int, gradients: int) -> int:
        """The buckets that gradients are reduced in."""
        buckets = self.job.parallel.buckets
        return int(min(buckets.reduce, trained_elements) * 2 * (2 if buckets.overlap_comm else 1))


@dataclass(slots=True)
class Zero2(Zero1):
    """Gradients too."""

    shares_gradients: ClassVar[bool] = True

    @property
    def has_gradient_buffer(self) -> bool:
        """The flat partition."""
        return True

    def prepare(self, t: Tape) -> None:
        """Each gradient is copied to a bucket as it comes."""
        t.store_gradient = drop_gradient


@dataclass(slots=True)
class Zero3(Zero2):
    """Weights too, but for the small ones."""

    shares_weights: ClassVar[bool] = True

    def weight_elements(self, parameter: Parameter) -> int:
        """Small weights stay whole."""
        return parameter.numel if self._persistent(parameter) else self.share(parameter)

    def _persistent(self, parameter: Parameter) -> bool:
        return parameter.numel < self.job.parallel.buckets.persistence

    def buffers(self, trained_elements: int, gradients: int) -> int:
        """The bucket that gradients are reduced in, and weights fetched ahead."""
        buckets = self.job.parallel.buckets
        return int(min(buckets.reduce, trained_elements) * 2 + min(buckets.prefetch, buckets.live) * 2)

    def forward(self, t: Tape, unit: Unit) -> Gathered:
        """The unit's weights."""
        return Gathered(self._gathered(t, unit))

    def backward(self, t: Tape, unit: Unit, stayed: list[Tensor]) -> Gathered:
        """The unit's weights."""
        return Gathered(stayed or self._gathered(t, unit))

    def _gathered(self, t: Tape, unit: Unit) -> list[Tensor]:
        size = sum(
            rounded(parameter.numel * (DTYPE_BYTES[parameter.dtype] if parameter.scheme is None else 0.5))
            for parameter in unit.parameters
            if not self._persistent(parameter)
        )
        return [t.new((size,), "uint8", "weights gathered from all ranks")] if size else []
