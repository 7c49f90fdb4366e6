"""DeepSpeed's ZeRO, stage 3 (deepspeed 0.19.2, runtime/zero/stage3.py, partitioned_param_coordinator.py).

Counted on the real engine by `benchmarks/deepspeed_engines.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.broken_releases import KEEPS_GATHERED
from vramlint.memory.ledger import DTYPE_BYTES, Storage, rounded
from vramlint.memory.sharding.plan import Gathered, Trained, Unit, drop_gradient, elements_of
from vramlint.memory.sharding.zero import DeepSpeed
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Parameter, Tensor

NORM_AT_ONCE = 250_000_000
"""Elements of a gradient whose norm is taken at once (_constant_buffered_norm2)."""


@dataclass(slots=True)
class Zero3(DeepSpeed):
    """Weights, gradients and states are shared, but for small weights."""

    shares_weights: ClassVar[bool] = True
    shares_gradients: ClassVar[bool] = True
    fetches_ahead: ClassVar[bool] = True

    @property
    def has_gradient_buffer(self) -> bool:
        """The flat partition, which is never freed (grad_partitions_flat_buffer)."""
        return True

    def prepare(self, t: Tape) -> None:
        """Each gradient is copied to a bucket as it comes."""
        t.store_gradient = drop_gradient

    def weight_elements(self, parameter: Parameter) -> int:
        """Small weights stay whole."""
        return parameter.numel if self.stays_whole(parameter) else self.share(parameter)

    def stays_whole(self, parameter: Parameter) -> bool:
        """Whether a weight is never let go: a small one, what is no parameter, and on one GPU what is not on
        the host (NoGatherCoalescedHandle copies nothing).
        """
        if self.ranks == 1 and self.job.parallel.offload not in ("parameters", "both"):
            return True
        return parameter.numel < self.job.parallel.buckets.persistence or self.is_buffer(parameter)

    def buffers(self, trained: Trained, gradients: int) -> int:
        """The bucket that gradients are reduced in, whole and from the start."""
        return int(self.width * self.job.parallel.buckets.reduce) if trained else 0

    def in_step(self, trained: Trained, gradients: int, temporaries: int) -> tuple[int, int]:
        """A sub group at a time: its float32 gradient and the optimizer's temporaries (step; a sub group has
        `sub_group_size` elements of this rank's partition, _create_fp16_sub_groups).
        """
        if self.steps_on_host:
            return gradients, temporaries
        shares = [(count, self.state_elements(parameter)) for parameter, count in trained]
        share = sum(count * elements for count, elements in shares)
        largest = max((elements for _, elements in shares), default=0)
        group = min(share, int(self.job.parallel.buckets.sub_group) + largest)
        return gradients, int((4 * share + temporaries) * group / share) if share else 0

    def outer_units(self, first: Sequence[Parameter], last: Sequence[Parameter]) -> tuple[Unit, Unit]:
        """Modules are fetched one by one: the embedding for its look-up, the head from its product to the end
        of its backward. A tied table is fetched for both.
        """
        if not any(len(parameter.shape) > 1 for parameter in last):
            last = (*last, *(parameter for parameter in first if len(parameter.shape) > 1))
        return Unit(first, False, "first"), Unit(last, False, "last")

    def gathered(
        self, units: Sequence[tuple[Sequence[Parameter], int]], last: Sequence[Parameter]
    ) -> Mapping[str, int]:
        """What is needed again within `reuse` elements of the trace is not let go (__params_to_release).

        Each module that runs, with weights of its own or not, fetches at least one weight ahead while fewer
        elements than `live` are there (fetch_sub_module): a layer has more modules than weights, so that
        fetching runs ahead up to `live`; what arrived together is there twice while it is copied out
        (AllGatherCoalescedHandle). `replay.fetching` follows each weight.
        """
        buckets = self.job.parallel.buckets
        sizes = [(self._elements(parameters), count) for parameters, count in units]
        whole = sum(size * count for size, count in sizes)
        kept = self._needed_again(sizes, 2 * self._elements(last))
        if not (buckets.prefetch and buckets.live):
            return {"loss": int(self.width * kept)} if kept else {}
        unit = max((size for size, _ in sizes), default=0)
        weight = max((self._elements((p,)) for parameters, _ in units for p in parameters), default=0)
        most = int(buckets.live + buckets.prefetch)
        # What runs is among them: in forward a weight, in backward a unit.
        ahead = min(whole, max(0, most - unit))
        forward = min(whole, max(0, most + int(buckets.prefetch) - weight))
        found = {"forward": int(self.width * forward), "loss": int(self.width * max(kept, ahead))}
        return {**found, "backward": found["loss"]} if ahead < whole else found

    def _needed_again(self, sizes: Sequence[tuple[int, int]], distance: int) -> int:
        """Elements of the last layers that backward needs before `reuse` others: each of them is passed in
        forward, in backward, and with checkpointing a third time.
        """
        passes = 2 if self.job.gradient_checkpointing == "none" else 3
        kept = 0
        for size, count in reversed(sizes):
            if not size:
                continue
            room = self.job.parallel.buckets.reuse - distance
            held = min(count, max(0, -int(-room // (passes * size))))
            kept += held * size
            distance += passes * held * size
            if held < count:
                break
        return kept

    def _elements(self, parameters: Sequence[Parameter]) -> int:
        return sum(parameter.numel for parameter in parameters if not self.stays_whole(parameter))

    def passing(self, trained: Trained) -> Mapping[str, int]:
        """The gradients of a bucket in one piece, while they are reduced (comm/coalesced_collectives.py,
        reduce_scatter_coalesced).
        """
        elements = min(self.job.parallel.buckets.reduce, elements_of(trained))
        return {"backward": int(self.width * elements)} if trained else {}

    def to_host(self, trained: Trained) -> int:
        """The largest share of a gradient as it was added up, its norm in float64, and after that its float32
        copy (partition_grads, _constant_buffered_norm2).
        """
        if not self.steps_on_host:
            return 0
        share = max((self.gradient_elements(parameter) for parameter, _ in trained), default=0)
        return int(self.width * share) + max(8 * min(share, NORM_AT_ONCE), 4 * share)

    def reduced_apart(self, trained: Trained) -> int:
        """All of it where communication overlaps (reduce_and_partition_stream)."""
        overlaps = self.job.parallel.buckets.overlap_comm
        return self.passing(trained).get("backward", 0) if overlaps else 0

    def forward(self, t: Tape, unit: Unit) -> Gathered:
        """One module's weights after the other's; those after the layers stay until their backward."""
        largest = max(unit.parameters, key=lambda parameter: parameter.numel, default=None)
        if unit.place == "last" or largest is None:
            return Gathered(self._gathered(t, unit))
        return Gathered(self._gathered(t, Unit((largest,))))

    def backward(self, t: Tape, unit: Unit, stayed: list[Tensor]) -> Gathered:
        """The unit's weights."""
        return Gathered(stayed or self._gathered(t, unit))

    def reduce(self, t: Tape, unit: Unit, held: Gathered, collected: list[Tensor]) -> list[Storage]:
        """What a broken release gathers for backward stays to the step."""
        if not KEEPS_GATHERED.meets(self.job):
            return []
        return [weights.storage for weights in held.weights if weights.storage is not None]

    def whole_bytes(self, parameter: Parameter) -> int:
        """Bytes of a weight that is gathered."""
        return rounded(parameter.numel * (DTYPE_BYTES[parameter.dtype] if parameter.scheme is None else 0.5))

    def _gathered(self, t: Tape, unit: Unit) -> list[Tensor]:
        size = sum(
            self.whole_bytes(parameter) for parameter in unit.parameters if not self.stays_whole(parameter)
        )
        return [t.new((size,), "uint8", "weights gathered from all ranks")] if size else []
