"""Data parallelism and sharding: what each rank keeps, what it gathers for a moment, where gradients go.

A scheme is a row of SCHEMES: shares of weights, gradients and states, and the buffers of its implementation.
"""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.ledger import DTYPE_BYTES, Shape, Storage, rounded
from vramlint.memory.tape import Parameter, Tape, Tensor, add_gradient, keep_gradient
from vramlint.memory.versions import version_of
from vramlint.versions import older


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a strategy treats one rank's memory.

    `gathers_forward`, `gathers_backward`: unsharded copies of a unit that coexist while it runs.
    `flattens_gradients`: FSDP1 concatenates a unit's gradients into one flat tensor before it reduces
    them. `reduces`: "unit" (after a unit's backward), "parameter" (as each gradient comes), "no".
    """

    shards_weights: bool = False
    shards_gradients: bool = False
    shards_states: bool = False
    gathers_forward: int = 0
    gathers_backward: int = 0
    flattens_gradients: bool = False
    reduces: str = "no"
    deepspeed: bool = False
    copies_gradients: bool = False
    """DDP: buckets hold a second set of gradients (accelerate leaves gradient_as_bucket_view off)."""


SCHEMES: dict[str, Scheme] = {
    "none": Scheme(),
    "ddp": Scheme(copies_gradients=True),
    "zero1": Scheme(shards_states=True, deepspeed=True),
    "zero2": Scheme(shards_states=True, shards_gradients=True, reduces="parameter", deepspeed=True),
    "zero3": Scheme(True, True, True, 1, 1, reduces="parameter", deepspeed=True),
    "fsdp1": Scheme(True, True, True, 2, 2, flattens_gradients=True, reduces="unit"),
    "fsdp2": Scheme(True, True, True, 2, 3, reduces="unit"),
}


@dataclass(slots=True)
class Plan:
    """A scheme with its number of ranks, ready for a walk."""

    job: TrainingJob
    scheme: Scheme
    ranks: int
    frees_gradients: bool = False
    """The optimizer steps in backward: each gradient goes as soon as it is used."""

    def weight_elements(self, parameter: Parameter) -> int:
        """Elements of a weight that this rank stores."""
        if not self.scheme.shards_weights or (self._persistent(parameter)):
            return parameter.numel
        return self._share(parameter)

    def gradient_elements(self, parameter: Parameter) -> int:
        """Elements of a gradient that this rank keeps after backward."""
        return self._share(parameter) if self.scheme.shards_gradients else parameter.numel

    def state_elements(self, parameter: Parameter) -> int:
        """Elements of optimizer states on this rank, per parameter element."""
        return self._share(parameter) if self.scheme.shards_states else parameter.numel

    def gradient_dtype(self, parameter: Parameter) -> str:
        """Dtype in which a gradient is kept."""
        wanted = self.job.precision.gradients
        return parameter.stored if wanted == "same-as-weights" else wanted

    def _share(self, parameter: Parameter) -> int:
        return -(-parameter.numel // max(1, self.ranks // parameter.spread))

    def _persistent(self, parameter: Parameter) -> bool:
        return self.scheme.deepspeed and parameter.numel < self.job.parallel.buckets.persistence

    @property
    def keeps_gathered(self) -> bool:
        """Whether gathered weights stay from forward to backward: gradients and states alone are sharded
        (FSDP's SHARD_GRAD_OP), or no policy wraps the layers and the model is one unit.
        """
        parallel = self.job.parallel
        return self.scheme.shards_weights and (parallel.sharding == "grad-op" or self.one_unit)

    @property
    def one_unit(self) -> bool:
        """FSDP without a wrapping policy: gathered before the first layer, reduced after the last."""
        return self.scheme.reduces == "unit" and self.job.parallel.wrap == "none"

    # what the walk calls

    def prepare(self, t: Tape) -> None:
        """Set what happens to finished gradients."""
        if self.frees_gradients or self.scheme.reduces == "parameter":
            t.store_gradient = self._reduce_at_once
        elif self.job.gradient_accumulation_steps > 1 and self.scheme.reduces == "no":
            t.store_gradient = add_gradient
        else:
            t.store_gradient = keep_gradient

    def gathered(self, t: Tape, parameters: Sequence[Parameter], backward: bool) -> list[Tensor]:
        """Unsharded weights of a unit while it runs; hold the result as long."""
        scheme = self.scheme
        if not scheme.shards_weights:
            return []
        size = sum(
            rounded(parameter.numel * DTYPE_BYTES[parameter.dtype])
            for parameter in parameters
            if parameter.scheme is None and not self._persistent(parameter)
        )
        size += sum(rounded(parameter.numel / 2) for parameter in parameters if parameter.scheme is not None)
        copies = scheme.gathers_backward if backward else scheme.gathers_forward
        if self.keeps_gathered:
            copies = 0 if backward else 1
        return (
            [t.new((size,), "uint8", "weights gathered from all ranks") for _ in range(copies)]
            if size
            else []
        )

    def reduce_unit(self, t: Tape, parameters: Sequence[Parameter]) -> list[Storage]:
        """After a unit's backward: its gradients are reduced and each rank keeps its shard. Returns what
        stays.
        """
        if self.scheme.reduces != "unit" or self.one_unit:
            return []
        arrived = [parameter for parameter in parameters if parameter.grad is not None]
        if not arrived:
            return []
        count = sum(parameter.numel for parameter in arrived)
        reduce_dtype = self.job.parallel.reduce_dtype
        dtype = arrived[0].dtype if reduce_dtype == "none" else reduce_dtype
        flat = t.new(
            (count,),
            arrived[0].dtype if self.scheme.flattens_gradients else dtype,
            "gradients of the unit, flat",
        )
        for parameter in arrived:
            parameter.grad = None
        if flat.dtype != dtype:
            flat = t.new((count,), dtype, "gradients of the unit, in the dtype of the reduction")
        kept = sum(self.gradient_elements(parameter) for parameter in arrived)
        shard = t.new((kept,), dtype, "gradients of the unit, this rank's shard")
        stored = self.gradient_dtype(arrived[0])
        if stored != dtype:
            shard = t.new(shard.shape, stored, "gradients of the unit, this rank's shard")
        del flat
        on_host = self.job.parallel.offload in ("parameters", "both")
        if self.job.gradient_accumulation_steps > 1 or on_host or shard.storage is None:
            return []
        shard.storage.becomes_gradient("gradient shard")
        return [shard.storage]

    def held_by_hooks(
        self, t: Tape, parameters: Sequence[Parameter], hidden: tuple[Shape, str]
    ) -> list[Tensor]:
        """FSDP1 over frozen layers with reentrant checkpointing: each layer's input and its gradient stay
        until backward ends.

        A unit without trained weights reshards by a multi-gradient hook on its inputs
        (torch/distributed/fsdp/_runtime_utils.py, _register_post_backward_reshard_only_hook), whose
        closure holds the inputs' AccumulateGrad nodes, and those hold the detached inputs.
        """
        job = self.job
        reentrant = job.gradient_checkpointing == "reentrant" or (
            job.gradient_checkpointing == "full" and older(version_of("transformers", job), "5")
        )
        if (
            job.parallel.strategy != "fsdp1"
            or job.method == "full"
            or not reentrant
            or not parameters
            or self.ranks < 2
        ):
            return []
        return [
            t.new(hidden[0], hidden[1], f"layer {what}, held by FSDP's hooks")
            for what in ("input", "input's gradient")
        ]

    def _reduce_at_once(self, t: Tape, parameter: Parameter) -> None:
        parameter.grad = None

    def buffers(self, trained_elements: int) -> int:
        """Bytes of DeepSpeed's buffers that stay for the whole step (DeepSpeed 0.19,
        runtime/zero/stage_1_and_2.py, stage3.py).
        """
        if not self.scheme.deepspeed:
            return 0
        buckets, width = self.job.parallel.buckets, 2
        reduce = min(buckets.reduce, trained_elements) * width
        if self.scheme.shards_weights:
            return int(reduce + min(buckets.prefetch, buckets.live) * width)
        return int(reduce * (2 if buckets.overlap_comm else 1))

    def holds_gradients(self, in_flight: int) -> bool:
        """Whether all of this rank's gradients exist before backward: from the second micro batch on, and
        always in DeepSpeed's flat partitions.
        """
        partitioned = self.scheme.deepspeed and self.scheme.shards_gradients
        return self.job.gradient_accumulation_steps > 1 or in_flight > 1 or partitioned


def plan_of(job: TrainingJob) -> Plan:
    """The sharding of `job`. Without full sharding ("hybrid" counts the group that shares)."""
    parallel = job.parallel
    scheme = SCHEMES[parallel.strategy]
    ranks = max(1, parallel.data * parallel.context)
    return Plan(job, scheme, ranks)
