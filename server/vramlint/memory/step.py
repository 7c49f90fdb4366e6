"""One training step on the tape: forward, loss, backward. Equal layers are walked once and multiplied."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from vramlint.catalog.liger import ALL, liger_family
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.memory.architectures.network import Block, Inputs, Network
from vramlint.memory.checkpointing import is_checkpointed, run_by
from vramlint.memory.ledger import Storage
from vramlint.memory.loss_head import late_loss, loss_of, returned_logits
from vramlint.memory.ops.basic import cast, copied
from vramlint.memory.sharding.plan import Plan, Unit, bytes_of
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Node, Parameter, Tensor
from vramlint.memory.versions import QUANTIZED_INPUT_UNTIL, returns_cache, version_of
from vramlint.versions import older


@dataclass(slots=True)
class Segment:
    """What one stretch of the step (embedding, a kind of layer, the head) does to the ledger, relative to its
    beginning.
    """

    rise: int = 0
    rise_gradients: int = 0
    rise_reduced: int = 0
    """Backward: the rise after the engine has begun to take the gradients; `rise` is that before."""
    rise_resharded: int = 0
    """Of that, the rise once the weights are resharded too, where the gradients were collected before."""
    net: int = 0
    net_gradients: int = 0
    gathered: int = 0
    """Of `net`, weights that stay gathered."""
    accumulated: int = 0
    """Gradients that this stretch accumulates whole before the engine reduces them."""
    reduction: int = 0
    """Bytes of this stretch's gradients on their way to the other ranks."""
    pending: int = 0
    """Of these, what is alive while the next stretch runs backward."""
    fetched: int = 0
    """Bytes of this stretch's weights that are fetched while the one before runs backward."""
    fetched_late: int = 0
    """The same once that one's weights are resharded."""
    peak_event: int = 0
    end_event: int = 0


@dataclass(slots=True)
class StepProfile:
    """The profile of a step. Index 0 is the embedding, then the kinds of layers, last head and loss."""

    tape: Tape
    order: list[int] = field(default_factory=list)
    """Index of the stretch of each part of the model, embedding first, head last."""
    forward: list[Segment] = field(default_factory=list)
    autocast_end: list[Segment] = field(default_factory=list)
    """What leaving autocast frees, by stretch."""
    after_loss: Segment = field(default_factory=Segment)
    """Between the model's forward and the backward pass: conversions, metrics, dropped outputs."""
    backward: list[Segment] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    """Number of the storage that each stretch hands to the next; -1 for none."""
    arriving: list[int] = field(default_factory=list)
    """Number of the gradient that each stretch's backward hands to the stretch before; -1 for none."""
    weights: list[Sequence[Parameter]] = field(default_factory=list)
    """The weights of each stretch."""


def choose_kernels(t: Tape, job: TrainingJob) -> None:
    """Which fused kernels run in the layers: Liger's as the job says, Megatron's own always (Transformer
    Engine's norms keep their input and a root a row, fused SwiGLU and rotary positions work as Liger's do:
    Megatron-LM, core/extensions/transformer_engine.py, core/fusions/fused_bias_swiglu.py).
    """
    if job.runtime == "megatron":
        t.liger, t.liger_in_place, t.keeps_parts = ALL, False, True
        t.linear_attention = "fla"  # core/ssm/gated_delta_net/gdn.py
        t.fp8_inputs = job.precision.fp8 != "none"
        return
    t.liger, t.linear_attention = job.kernels.liger, job.kernels.linear_attention
    family = liger_family(job.model.model_type, None) if t.liger else None
    t.liger_in_place = family is None or family.in_place


def walk(job: TrainingJob, network: Network, plan: Plan) -> StepProfile:
    """Run the step of `job` on `network`, each kind of layer once, sharded as `plan` says."""
    t = Tape(None if job.precision.autocast == "none" else job.precision.autocast)
    t.compiled = job.compile
    t.breaks_graphs = job.attention.startswith("flash_attention")
    choose_kernels(t, job)
    t.keeps_quantized_input = older(version_of("bitsandbytes", job), QUANTIZED_INPUT_UNTIL)
    t.int8_columns = older(version_of("bitsandbytes", job), "0.45")
    t.returned = {} if returns_cache(job) else None
    plan.prepare(t)
    result = StepProfile(t)
    boundaries: list[int] = []
    first, last = plan.outer_units(*network.outside)
    units: list[Unit] = [first]

    def begin() -> tuple[int, int]:
        boundaries.append(len(t.nodes))
        t.ledger.segment = len(boundaries) - 1
        return _begin(t)

    mark = begin()
    held = plan.forward(t, first)
    stayed: dict[int, list[Tensor]] = {0: held.weights if first.stays else []}
    """Weights that stay gathered until backward, by stretch."""
    t.inputs_want_gradients = (
        network.leaf and job.method not in ("full", "freeze") and job.gradient_checkpointing != "none"
    )
    x, inputs = network.begin(t)
    if x.node is None and t.inputs_want_gradients:
        x = t.leaf(x)
    del held
    result.forward.append(_end(t, mark, stayed[0]))
    result.outputs.append(_number(x))
    entries: list[Node | None] = [None]
    """What made the input of each stretch."""
    wanted = job.gradient_checkpointing
    result.order.append(0)
    walked: dict[tuple[int, bool, bool], int] = {}
    for position, kind in enumerate(network.order):
        # Layers below the first one that is trained save less: they are a kind of their own.
        key = (kind, x.node is not None, is_checkpointed(wanted, position))
        if key not in walked:
            walked[key] = len(result.forward)
            entries.append(x.node)
            mark = begin()
            stage = network.stages[kind]
            unit = plan.layer_unit(stage.parameters)
            units.append(unit)
            held = plan.forward(t, unit)
            run = partial(_swapped, stage.run, inputs)
            how = "full" if isinstance(wanted, tuple) and not stage.apart else wanted
            checkpointed = run_by(how, stage.parameters)
            x = checkpointed(t, run, x) if key[2] and stage.checkpointed else run(t, x)
            stayed[len(boundaries) - 1] = held.weights if unit.stays else []
            del run, held
            result.forward.append(_end(t, mark, stayed[len(boundaries) - 1]))
            result.outputs.append(_number(x))
        result.order.append(walked[key])
    result.order.append(len(result.forward))
    entries.append(x.node)
    mark = begin()
    units.append(last)
    held = plan.forward(t, last)
    stayed[len(boundaries) - 1] = held.weights
    # All layers share these: without checkpointing the mask goes with the forward pass, rotary tables stay
    # for backward.
    shared = inputs if job.gradient_checkpointing != "none" else inputs.positions
    del inputs
    hidden = x.shape, x.dtype
    x = network.final_norm(t, x)
    late = late_loss(job)
    outputs: list[Tensor | None] = []
    if late is None:
        loss, logits = loss_of(t, job, network, x)
        outputs.append(logits)
        del logits
    else:
        outputs.append(returned_logits(t, job, network, x))
    del x, held
    result.forward.append(_end(t, mark, stayed[len(boundaries) - 1]))
    result.outputs.append(-1)
    _leave_autocast(t, result)
    mark = _begin(t)
    if late is None:
        _after_forward(t, job, outputs)
    else:
        loss = late(t, job, outputs)
    result.after_loss = _end(t, mark)
    if loss.node is not None:
        loss.node.grad = t.new((1,), "float32", "gradient of the loss")
    del loss
    kept: list[Storage] = []
    still_gathered: list[Tensor] = []
    """Weights that no backward pass reshards."""
    hooked: list[Tensor] = []
    for index in reversed(range(len(boundaries))):
        t.ledger.segment = index
        mark = _begin(t)
        unit = units[index]
        held = plan.backward(t, unit, stayed.pop(index))
        t.backward(boundaries[index])
        result.arriving.append(_gradient(entries.pop()))
        before = _end(t, mark)
        t.ledger.restart_peak()
        collected = plan.collect(t, unit, held)
        made = _end(t, mark)
        t.ledger.restart_peak()
        kept += plan.reduce(t, unit, held, collected)
        hooked += plan.held_by_hooks(t, unit, hidden)
        if index == 0:
            hooked.clear()
        still_gathered += held.weights if unit.stays else []
        del held
        segment = _end(t, mark)
        segment.rise_resharded = segment.rise
        segment.rise_reduced = max(made.rise, segment.rise)
        most = max((made, segment, before), key=lambda each: each.rise)
        segment.rise_gradients, segment.peak_event = most.rise_gradients, most.peak_event
        segment.rise = before.rise
        segment.accumulated = sum(plan.whole_gradient_bytes(parameter) for parameter in unit.trained)
        segment.reduction, segment.pending = plan.reduction(unit), plan.pending(unit)
        segment.fetched, segment.fetched_late = plan.fetched(unit), plan.fetched_late(unit)
        result.backward.append(segment)
    result.backward.reverse()
    result.arriving.reverse()
    result.weights = [unit.parameters for unit in units]
    outputs.clear()
    del shared
    return result


def _number(x: Tensor) -> int:
    return -1 if x.storage is None else x.storage.number


def _gradient(made_by: Node | None) -> int:
    return -1 if made_by is None or made_by.grad is None else _number(made_by.grad)


def _swapped(run: Block, inputs: Inputs, t: Tape, x: Tensor) -> Tensor:
    return run(t, x, inputs)


def _begin(t: Tape) -> tuple[int, int]:
    t.ledger.restart_peak()
    return t.ledger.current, t.ledger.gradients


def _end(t: Tape, mark: tuple[int, int], stayed: Sequence[Tensor] = ()) -> Segment:
    ledger = t.ledger
    return Segment(
        gathered=bytes_of(stayed),
        rise=ledger.peak - mark[0],
        rise_gradients=ledger.peak_gradients - mark[1],
        net=ledger.current - mark[0],
        net_gradients=ledger.gradients - mark[1],
        peak_event=ledger.peak_event,
        end_event=len(ledger.events),
    )


def _leave_autocast(t: Tape, result: StepProfile) -> None:
    """Drop the cached weight casts and what the model handed back, those of each stretch by themselves."""
    by_segment: dict[int, list[Tensor]] = t.returned or {}
    t.returned = None
    for segment, parameter in t.cast_cache:
        by_segment.setdefault(segment, []).append(t.cast_cache[segment, parameter])
    t.cast_cache.clear()
    for segment in range(len(result.forward)):
        mark = _begin(t)
        by_segment.pop(segment, None)
        result.autocast_end.append(_end(t, mark))


def _after_forward(t: Tape, job: TrainingJob, outputs: list[Tensor | None]) -> None:
    """What the training loop does with the model's logits before it calls backward; `outputs` holds the only
    reference to them.

    Under autocast accelerate converts them to float32; the Trainer lets them go when it has the loss; TRL
    computes entropy and accuracy from them first (trl 1.10, sft_trainer.py compute_loss). A plain loop
    keeps them through backward.
    """
    if job.loop == "plain" or outputs[0] is None:
        return
    if job.loop == "freed":
        outputs.clear()
        return
    logits = outputs.pop()
    if logits is not None and t.autocast:
        logits = cast(t, logits, "float32", "logits, converted to float32 by the trainer")
    if logits is not None and job.loop.startswith("trl@1.10"):
        with t.no_grad():
            flat = copied(t, logits, "logits, shifted for the metrics") if logits.shape[0] > 1 else logits
            rows = (min(128, flat.shape[0] * flat.shape[1]), flat.shape[-1])
            parts = [t.new(rows, flat.dtype, "entropy of 128 rows") for _ in range(3)]
            del parts, flat
