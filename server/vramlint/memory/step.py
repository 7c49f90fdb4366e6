"""One training step on the tape: forward, loss, backward. Equal layers are walked once and multiplied."""

from __future__ import annotations

from functools import partial

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.memory.architectures.network import Block, Inputs, Network
from vramlint.memory.checkpointing import is_checkpointed, run_by
from vramlint.memory.ledger import Storage
from vramlint.memory.loss_head import late_loss, loss_of, returned_logits
from vramlint.memory.ops.basic import cast, copied
from vramlint.memory.sharding import Plan
from vramlint.memory.tape import Parameter, Tape, Tensor
from vramlint.memory.versions import QUANTIZED_INPUT_UNTIL, version_of
from vramlint.versions import older


@dataclass(slots=True)
class Segment:
    """What one stretch of the step (embedding, a kind of layer, the head) does to the ledger, relative to its
    beginning.
    """

    rise: int = 0
    rise_gradients: int = 0
    net: int = 0
    net_gradients: int = 0
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


def walk(job: TrainingJob, network: Network, plan: Plan) -> StepProfile:
    """Run the step of `job` on `network`, each kind of layer once, sharded as `plan` says."""
    t = Tape(None if job.precision.autocast == "none" else job.precision.autocast)
    t.compiled = job.compile
    t.keeps_quantized_input = older(version_of("bitsandbytes", job), QUANTIZED_INPUT_UNTIL)
    plan.prepare(t)
    result = StepProfile(t)
    boundaries: list[int] = []
    units: list[list[Parameter]] = [network.root]

    def begin() -> tuple[int, int]:
        boundaries.append(len(t.nodes))
        t.ledger.segment = len(boundaries) - 1
        return _begin(t)

    mark = begin()
    root = plan.gathered(t, network.root, backward=False)[:1]
    t.inputs_want_gradients = (
        network.leaf and job.method not in ("full", "freeze") and job.gradient_checkpointing != "none"
    )
    x, inputs = network.begin(t)
    if x.node is None and t.inputs_want_gradients:
        x = t.leaf(x)
    result.forward.append(_end(t, mark))
    wanted = job.gradient_checkpointing
    result.order.append(0)
    walked: dict[tuple[int, bool, bool], int] = {}
    gathered: dict[int, list[Tensor]] = {}
    """Weights that stay gathered until backward, by stretch."""
    for position, kind in enumerate(network.order):
        # Layers below the first one that is trained save less: they are a kind of their own.
        key = (kind, x.node is not None, is_checkpointed(wanted, position))
        if key not in walked:
            walked[key] = len(result.forward)
            mark = begin()
            stage = network.stages[kind]
            units.append(stage.parameters)
            unit = plan.gathered(t, stage.parameters, backward=False)
            run = partial(_swapped, stage.run, inputs)
            x = run_by(wanted, stage.parameters)(t, run, x) if key[2] and stage.checkpointed else run(t, x)
            if plan.keeps_gathered:
                gathered[len(boundaries) - 1] = unit
            del run, unit
            result.forward.append(_end(t, mark))
        result.order.append(walked[key])
    result.order.append(len(result.forward))
    mark = begin()
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
    del x
    result.forward.append(_end(t, mark))
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
    units.append([])
    kept: list[Storage] = []
    held: list[Tensor] = []
    for index in reversed(range(len(boundaries))):
        t.ledger.segment = index
        mark = _begin(t)
        unit = plan.gathered(t, units[index], backward=True) if index else []
        t.backward(boundaries[index])
        del unit
        if not plan.one_unit:
            gathered.pop(index, None)
        kept += plan.reduce_unit(t, units[index])
        held += plan.held_by_hooks(t, units[index], hidden)
        if index == 0:
            root.clear()
            held.clear()
        result.backward.append(_end(t, mark))
    result.backward.reverse()
    outputs.clear()
    del shared
    return result


def _swapped(run: Block, inputs: Inputs, t: Tape, x: Tensor) -> Tensor:
    return run(t, x, inputs)


def _begin(t: Tape) -> tuple[int, int]:
    t.ledger.restart_peak()
    return t.ledger.current, t.ledger.gradients


def _end(t: Tape, mark: tuple[int, int]) -> Segment:
    ledger = t.ledger
    return Segment(
        rise=ledger.peak - mark[0],
        rise_gradients=ledger.peak_gradients - mark[1],
        net=ledger.current - mark[0],
        net_gradients=ledger.gradients - mark[1],
        peak_event=ledger.peak_event,
        end_event=len(ledger.events),
    )


def _leave_autocast(t: Tape, result: StepProfile) -> None:
    """Drop the cached weight casts, those of each stretch by themselves."""
    by_segment: dict[int, list[Tensor]] = {}
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
