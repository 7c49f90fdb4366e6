"""PyTorch's FullyShardedDataParallel, first and second version (torch 2.13, distributed/fsdp/).

Weights, gradients and states are shared; a unit's weights are gathered while it runs. Counted on the real
engines by `benchmarks/engines.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.ledger import DTYPE_BYTES, Shape, Storage, rounded
from vramlint.memory.sharding.plan import Gathered, Plan, Unit, drop_gradient
from vramlint.memory.tape import Tape, add_gradient, keep_gradient
from vramlint.memory.tensors import Parameter, Tensor
from vramlint.memory.versions import version_of
from vramlint.versions import older

GATHERED = "weights gathered from all ranks"
UNSHARDED = "weights of the unit, copied out of what was gathered"
COLLECTED = "gradients of the unit, in one piece and the dtype of the reduction"
REDUCED = "gradients of the unit, in the dtype of the reduction"
SHARD = "gradients of the unit, this rank's shard"

STREAMS: Mapping[str, Literal[1, 2]] = {GATHERED: 1, REDUCED: 2, SHARD: 2}
"""What is allocated on a stream for gathering (1) or for reducing (2), whose cached blocks serve no other
(distributed/fsdp/_runtime_utils.py, _unshard_stream and _post_backward_stream; _fsdp_collectives.py,
all_gather_copy_in_stream and reduce_scatter_stream, on which FSDP2 makes what it reduces to, not from).
"""


@dataclass(slots=True)
class Fsdp(Plan):
    """What both versions do."""

    layer_bytes: int = 0
    """Unsharded weights of the layer that the walk met last."""

    shares_weights: ClassVar[bool] = True
    shares_gradients: ClassVar[bool] = True
    shares_states: ClassVar[bool] = True

    @property
    def in_pipeline(self) -> bool:
        """Whether a pipeline schedule runs the backward passes: it reduces once, after all of them, and
        reshards nothing before (torch 2.13, distributed/pipelining/stage.py, backward_maybe_with_nosync).
        """
        return self.job.parallel.pipeline > 1

    @property
    def accumulates_whole(self) -> bool:
        """Whether gradients are kept unsharded until the last micro batch."""
        return self.ranks > 1 and (self.in_pipeline or self._defers)

    @property
    def accumulates_by_unit(self) -> bool:
        """Each unit reduces in its own hook."""
        return self.accumulates_whole and not self.in_pipeline and not self.one_unit

    @property
    def _defers(self) -> bool:
        """FSDP reduces in every backward pass unless the loop asks it not to: transformers' Trainer does
        (5.24, trainer.py, through accelerate's `no_sync`), and LitGPT (0.5.13, `no_backward_sync`).
        """
        job = self.job
        says = job.parallel.sync_each_batch
        defers = (job.in_trainer or job.runtime == "litgpt") if says is None else not says
        return job.gradient_accumulation_steps > 1 and defers and self.can_defer

    @property
    def can_defer(self) -> bool:
        """Whether the loop's way of asking reaches this version."""
        return True

    @property
    def one_unit(self) -> bool:
        """No policy wraps the layers: gathered before the first, reduced after the last."""
        return self.job.parallel.wrap == "none"

    def whole_gradient_bytes(self, parameter: Parameter) -> int:
        """What accumulates before it is reduced."""
        if not self.accumulates_whole:
            return 0
        return rounded(parameter.numel * DTYPE_BYTES[self.accumulation_dtype(parameter)])

    def accumulation_dtype(self, parameter: Parameter) -> str:
        """Dtype of unsharded gradients between micro batches."""
        return parameter.dtype

    def reduction_dtype(self, parameter: Parameter) -> str:
        """Dtype in which gradients are reduced."""
        wanted = self.job.parallel.reduce_dtype
        return parameter.dtype if wanted == "none" else wanted

    def outer_units(self, first: Sequence[Parameter], last: Sequence[Parameter]) -> tuple[Unit, Unit]:
        """One root unit, which stays gathered."""
        return Unit((*first, *last), True, "first"), Unit((), True, "last")

    def layer_unit(self, parameters: Sequence[Parameter]) -> Unit:
        """A layer; without resharding after forward it stays gathered."""
        stays = self.one_unit or self.in_pipeline or self.job.parallel.sharding == "grad-op"
        return Unit(parameters, stays)

    def prepare(self, t: Tape) -> None:
        """A unit's gradients wait for each other."""
        t.store_gradient = drop_gradient if self.frees_gradients else keep_gradient

    def elements(self, parameter: Parameter) -> int:
        """Elements of a parameter in what the ranks exchange."""
        return parameter.numel

    def size(self, unit: Unit) -> int:
        """Bytes of a unit's weights, unsharded."""
        return sum(
            rounded(self.elements(each) * (DTYPE_BYTES[each.dtype] if each.scheme is None else 0.5))
            for each in unit.parameters
            if not self.is_buffer(each)
        )

    def reduction(self, unit: Unit) -> int:
        """Bytes of a unit's gradients in the dtype of the reduction."""
        return int(sum(self.elements(p) * DTYPE_BYTES[self.reduction_dtype(p)] for p in unit.trained))

    def backward(self, t: Tape, unit: Unit, stayed: list[Tensor]) -> Gathered:
        """The unit's weights."""
        return Gathered(stayed or self.unsharded(t, self.size(unit)))

    def unsharded(self, t: Tape, size: int) -> list[Tensor]:
        """The unit's weights, in whole."""
        return gathered(t, size)

    def fetched(self, unit: Unit) -> int:
        """One unit ahead in backward."""
        return 0 if unit.stays else self.size(unit)

    def kept_shard(self, t: Tape, trained: Sequence[Parameter]) -> list[Storage]:
        """The rank's part of reduced gradients, cast for the optimizer; nothing where it is added to one that
        is there, or moves to the host.
        """
        reduced, kept = self.reduction_dtype(trained[0]), self.gradient_dtype(trained[0])
        shape = (sum(self.gradient_elements(parameter) for parameter in trained),)
        shard = t.new(shape, reduced, SHARD)
        if kept != reduced:
            shard = t.new(shape, kept, SHARD)
        job = self.job
        accumulates = job.gradient_accumulation_steps > 1 and not self.accumulates_whole
        on_host = job.parallel.offload in ("parameters", "both")
        if accumulates or on_host or self.frees_gradients or shard.storage is None:
            return []
        shard.storage.becomes_gradient("gradient shard")
        return [shard.storage]


@dataclass(slots=True)
class Fsdp2(Fsdp):
    """`fully_shard` (distributed/fsdp/_fully_shard/): a buffer that the ranks' shards arrive in, copied out
    to the parameters; the buffer of a forward unit lives until the next one's copy-out.
    """

    @property
    def can_defer(self) -> bool:
        """accelerate up to 1.10 looks for the model's `no_sync`, which FSDP2's modules do not have (1.10.1
        and 1.11.0, accelerator.py, no_sync).
        """
        return not (self.job.in_trainer and older(version_of("accelerate", self.job), "1.11"))

    def share(self, parameter: Parameter) -> int:
        """Cut by rows into equal parts, where there are fewer rows than ranks with padding (_fsdp_param.py,
        _init_sharded_param). torchtitan, verl and NeMo Automodel name another dimension for experts, and so
        does who spreads experts over ranks.
        """
        rows = parameter.shape[0]
        by_rows = self.job.in_trainer or self.job.runtime == "torchtune"
        if not by_rows or parameter.scheme is not None or parameter.spread > 1:
            return Fsdp.share(self, parameter)
        return -(-rows // self.ranks) * (parameter.numel // max(rows, 1))  # none where rounding left none

    def elements(self, parameter: Parameter) -> int:
        """Those of padded rows too, of every rank."""
        return (
            parameter.numel
            if parameter.spread > 1
            else max(parameter.numel, self.share(parameter) * self.ranks)
        )

    def accumulation_dtype(self, parameter: Parameter) -> str:
        """Upcast to the dtype of the reduction (_fsdp_param.py, to_accumulated_grad_if_needed)."""
        return self.reduction_dtype(parameter)

    def outer_units(self, first: Sequence[Parameter], last: Sequence[Parameter]) -> tuple[Unit, Unit]:
        """Embedding and head apart where the framework wraps them so: torchtitan (0.3,
        distributed/fsdp.py), accelerate from 1.15 on (utils/fsdp_utils.py, fsdp2_prepare_model). Tied they
        are one unit, and the last one is never resharded after its forward.
        """
        job = self.job
        carves = job.runtime == "torchtitan" or (
            job.in_trainer and not older(version_of("accelerate", job), "1.15")
        )
        if not carves or not last or not any(len(parameter.shape) > 1 for parameter in last):
            return Unit((*first, *last), True, "first"), Unit((), True, "last")
        return Unit(first, self.layer_unit(first).stays, "first"), Unit(last, True, "last")

    def pending(self, unit: Unit) -> int:
        """The buffer lives until the next unit needs one (_fsdp_param_group.py, reduce_scatter_states)."""
        return 0 if self.in_pipeline or self.one_unit or self.frees_gradients else self.reduction(unit)

    def prepare(self, t: Tape) -> None:
        """Where gradients accumulate in their own dtype, they are added as they come."""
        Fsdp.prepare(self, t)
        parallel = self.job.parallel
        same = parallel.reduce_dtype in ("none", parallel.param_dtype)
        if self.accumulates_whole and same and not self.frees_gradients:
            t.store_gradient = add_gradient

    def forward(self, t: Tape, unit: Unit) -> Gathered:
        """Three copies at the entry, two while the unit runs."""
        size = self.size(unit)
        in_model = self.job.in_trainer  # the Trainer's models make the loss inside forward
        if not size:
            buffer = self._buffers(t, self.layer_bytes if unit.place == "last" else 0)
            return Gathered(buffers=buffer if in_model else [])
        if unit.place == "layer":
            self.layer_bytes = size
        before = self._buffers(t, 0 if unit.place == "first" else self.layer_bytes)
        share = self._share(t, size)
        own = self._buffers(t, size)
        share.clear()
        weights = self.unsharded(t, size)
        before.clear()
        return Gathered(weights, own if in_model or unit.place != "last" else [])

    def reduce(self, t: Tape, unit: Unit, held: Gathered, collected: list[Tensor]) -> list[Storage]:
        """Resharded first; then all gradients are copied into the buffer that is reduced."""
        if self.one_unit or self.frees_gradients:
            return []
        if not self.in_pipeline:
            held.weights.clear()
        trained = unit.trained
        if self.accumulates_whole:
            release(trained)
        if not trained or self.in_pipeline:
            return []
        flat = t.new((self.reduction(unit),), "uint8", COLLECTED)
        release(trained)
        kept = self.kept_shard(t, trained)
        del flat
        return kept

    def unsharded(self, t: Tape, size: int) -> list[Tensor]:
        """Copied out on the stream of computation (_fsdp_collectives.py, foreach_all_gather_copy_out)."""
        return [t.new((size,), "uint8", UNSHARDED)] if size else []

    def _share(self, t: Tape, size: int) -> list[Tensor]:
        """This rank's share on the GPU and in the dtype that is gathered, until it lies in the buffer
        (_fsdp_collectives.py, _get_param_all_gather_inputs): a copy from the host, or cast.
        """
        parallel = self.job.parallel
        copied = parallel.param_dtype != "none" or parallel.offload in ("parameters", "both")
        return self._buffers(t, -(-size // self.ranks) if copied else 0)

    def _buffers(self, t: Tape, size: int) -> list[Tensor]:
        return gathered(t, size if self.ranks > 1 else 0)


@dataclass(slots=True)
class Fsdp1(Fsdp):
    """A unit's weights are one flat parameter, and its gradients one flat tensor; at most two units are
    gathered at once (`limit_all_gathers`).
    """

    def forward(self, t: Tape, unit: Unit) -> Gathered:
        """The unit and the one before."""
        size = self.size(unit)
        if unit.place == "layer":
            self.layer_bytes = size
        before = size if unit.place == "layer" and not unit.stays else 0
        return Gathered(gathered(t, size), gathered(t, before))

    def collect(self, t: Tape, unit: Unit, held: Gathered) -> list[Tensor]:
        """Autograd makes the flat gradient; then the weights are resharded."""
        trained = unit.trained
        if self.one_unit or self.frees_gradients or not trained:
            return []
        count = sum(parameter.numel for parameter in trained)
        flat = t.new((count,), trained[0].dtype, "gradients of the unit, flat")
        release(trained)
        held.weights.clear()
        return [] if self.in_pipeline else [flat]

    def reduce(self, t: Tape, unit: Unit, held: Gathered, collected: list[Tensor]) -> list[Storage]:
        """The flat gradient is cast and reduced. Where it was added to one that had accumulated, autograd
        still holds it meanwhile.
        """
        if not collected:
            return []
        flat, trained = collected[0], unit.trained
        count = flat.shape[0]
        reduced = self.reduction_dtype(trained[0])
        cast = t.new((count,), reduced, REDUCED) if reduced != flat.dtype else flat
        kept = self.kept_shard(t, trained)
        collected.clear()
        del cast, flat
        return kept

    def whole_gradients(self, unit: Unit) -> list[int]:
        """One flat tensor."""
        return [sum(Fsdp.whole_gradients(self, unit))]

    def reduced_as_one(self, unit: Unit, kept: int, reduction: int) -> int:
        """Autograd makes one flat gradient of all while the weights are there, and adds it to what has
        accumulated; without the weights it is cast, and the shard is made.
        """
        trained = unit.trained
        if self.job.method != "full" or not trained:
            return Fsdp.reduced_as_one(self, unit, kept, reduction)
        flat = sum(parameter.numel * DTYPE_BYTES[parameter.dtype] for parameter in trained)
        accumulated = flat if self.accumulates_whole else 0
        cast = reduction if self.reduction_dtype(trained[0]) != trained[0].dtype else 0
        made = self.size(unit) + accumulated + 2 * flat
        return int(max(made, accumulated + flat + cast + reduction // self.ranks))

    def fetched(self, unit: Unit) -> int:
        """One unit ahead where that is asked for before gradients are computed (_runtime_utils.py,
        _pre_backward_hook).
        """
        return Fsdp.fetched(self, unit) if self.job.parallel.backward_prefetch == "pre" else 0

    def fetched_late(self, unit: Unit) -> int:
        """One unit ahead, at the latest after resharding (_post_backward_reshard)."""
        return Fsdp.fetched(self, unit) if self.job.parallel.backward_prefetch != "none" else 0

    def held_by_hooks(self, t: Tape, unit: Unit, hidden: tuple[Shape, str]) -> list[Tensor]:
        """Over frozen layers with reentrant checkpointing: each layer's input and its gradient stay until
        backward ends.

        A unit without trained weights reshards by a multi-gradient hook on its inputs
        (torch/distributed/fsdp/_runtime_utils.py, _register_post_backward_reshard_only_hook), whose
        closure holds the inputs' AccumulateGrad nodes, and those hold the detached inputs.
        """
        job = self.job
        reentrant = job.gradient_checkpointing == "reentrant" or (
            job.gradient_checkpointing == "full" and older(version_of("transformers", job), "5")
        )
        if job.method == "full" or not reentrant or not unit.parameters or self.ranks < 2:
            return []
        return [
            t.new(hidden[0], hidden[1], f"layer {what}, held by FSDP's hooks")
            for what in ("input", "input's gradient")
        ]


def release(parameters: Sequence[Parameter]) -> None:
    """Let go of the gradients that autograd made."""
    for parameter in parameters:
        parameter.grad = None


def gathered(t: Tape, size: int) -> list[Tensor]:
    """Unsharded weights, if there are any."""
    return [t.new((size,), "uint8", GATHERED)] if size else []
