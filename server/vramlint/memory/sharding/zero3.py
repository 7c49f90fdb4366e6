"""DeepSpeed's ZeRO, stage 3 (deepspeed 0.19.2, runtime/zero/stage3.py, partitioned_param_coordinator.py).

Counted on the real engine by `benchmarks/deepspeed_engines.py`.
"""

from __future__ import annotations

from typing import ClassVar

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.broken_releases import KEEPS_GATHERED
from vramlint.memory.ledger import DTYPE_BYTES, Storage, rounded
from vramlint.memory.sharding.plan import Gathered, Trained, Unit, drop_gradient
from vramlint.memory.sharding.zero import DeepSpeed
from vramlint.memory.tape import Parameter, Tape, Tensor


@dataclass(slots=True)
class Zero3(DeepSpeed):
    """Weights, gradients and states are shared, but for small weights."""

    shares_weights: ClassVar[bool] = True
    shares_gradients: ClassVar[bool] = True

    @property
    def has_gradient_buffer(self) -> bool:
        """The flat partition, which is never freed (grad_partitions_flat_buffer)."""
        return True

    def prepare(self, t: Tape) -> None:
        """Each gradient is copied to a bucket as it comes."""
        t.store_gradient = drop_gradient

    def weight_elements(self, parameter: Parameter) -> int:
        """Small weights stay whole."""
        return parameter.numel if self._persistent(parameter) else self.share(parameter)

    def _persistent(self, parameter: Parameter) -> bool:
        return parameter.numel < self.job.parallel.buckets.persistence or self.is_buffer(parameter)

    def buffers(self, trained: Trained, gradients: int) -> int:
        """The bucket that gradients are reduced in, whole and from the start, and weights fetched ahead."""
        buckets = self.job.parallel.buckets
        ahead = int(min(buckets.prefetch, buckets.live) * 2)
        reduced = int(self.width * buckets.reduce) if trained else 0
        return reduced + ahead + self.offload_buffer(trained)

    def in_step(self, trained: Trained, gradients: int, temporaries: int) -> tuple[int, int]:
        """A sub group at a time: its float32 gradient and the optimizer's temporaries (step; a sub group has
        `sub_group_size` elements of this rank's partition, _create_fp16_sub_groups).
        """
        if self.job.parallel.offload in ("optimizer", "both"):
            return gradients, temporaries
        shares = [(count, self.state_elements(parameter)) for parameter, count in trained]
        share = sum(count * elements for count, elements in shares)
        largest = max((elements for _, elements in shares), default=0)
        group = min(share, int(self.job.parallel.buckets.sub_group) + largest)
        return gradients, int((4 * share + temporaries) * group / share) if share else 0

    def forward(self, t: Tape, unit: Unit) -> Gathered:
        """The unit's weights."""
        return Gathered(self._gathered(t, unit))

    def backward(self, t: Tape, unit: Unit, stayed: list[Tensor]) -> Gathered:
        """The unit's weights."""
        return Gathered(stayed or self._gathered(t, unit))

    def reduce(self, t: Tape, unit: Unit, held: Gathered) -> list[Storage]:
        """What a broken release gathers for backward stays to the step."""
        if not KEEPS_GATHERED.meets(self.job):
            return []
        return [weights.storage for weights in held.weights if weights.storage is not None]

    def _gathered(self, t: Tape, unit: Unit) -> list[Tensor]:
        size = sum(
            rounded(parameter.numel * (DTYPE_BYTES[parameter.dtype] if parameter.scheme is None else 0.5))
            for parameter in unit.parameters
            if not self._persistent(parameter)
        )
        return [t.new((size,), "uint8", "weights gathered from all ranks")] if size else []
