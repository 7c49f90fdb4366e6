"""estimate_job: put the parts of the memory model together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import groupby

from vramlint.catalog.facts import GIB
from vramlint.job import TrainingJob
from vramlint.memory.architectures import network_of
from vramlint.memory.architectures.network import Network
from vramlint.memory.estimate import CannotEstimate, Component, Estimate, TensorAtPeak
from vramlint.memory.ledger import DTYPE_BYTES, rounded
from vramlint.memory.objectives import has_reference, objective_of
from vramlint.memory.optimizers import Optimizer, optimizer_of
from vramlint.memory.overhead import allocator_slack, device_overhead, error_band, typically_reserved
from vramlint.memory.peak_tensors import PeakPlace, tensors_at
from vramlint.memory.pipeline import StagePart, keep_part, parts
from vramlint.memory.sharding import Plan, plan_of
from vramlint.memory.step import StepProfile, walk
from vramlint.memory.tape import Parameter
from vramlint.memory.weights import Weights

OWN_LOOPS = frozenset({"plain", "freed"})
"""Training loops that are not transformers' Trainer."""

ON_DEVICE_LAYERS = 2
"""Layers whose saved tensors are on the GPU at a time when activations are offloaded: the one that runs and
the next.
"""

PAGED_FROM = 100_000
"""Elements from which bitsandbytes puts states into unified memory (optim/optimizer.py get_state_buffer)."""


@dataclass(frozen=True, slots=True)
class PersistentBytes:
    """Bytes that stay for the whole step on this rank: weights, all gradients once they are there, optimizer
    states, buffers.
    """

    weights: int
    gradients: int
    states: int
    buffers: int
    step: int
    """Temporaries of the optimizer's step."""
    models: int = 0
    """Weights of models that only run forward: the reference of DPO."""
    paged: int = 0
    """Optimizer states in unified memory: outside PyTorch's allocator, and evicted when the card is full."""


@dataclass(frozen=True, slots=True)
class PeakCandidate:
    """A local peak: bytes on top of weights and states, and the gradients among them."""

    phase: str
    dynamic: int
    gradients: int
    position: int = -1
    """Place in the model's order; -1 outside it."""


def estimate_job(job: TrainingJob, tensors: int = 0) -> Estimate:
    """What the step of `job` holds on its fullest GPU, with the `tensors` largest groups of tensors alive at
    the peak.

    Raises CannotEstimate where the job does not say enough.
    """
    optimizer = optimizer_of(job.optimizer)
    if optimizer is None:
        raise CannotEstimate("unknown-optimizer", f"optimizer {job.optimizer!r} is not modelled", "optimizer")
    if not job.model.config and job.model.parameters is not None:
        return _bare(job, job.model.parameters, optimizer)
    walked_job = per_rank_job(job)
    plan = plan_of(job)
    plan.frees_gradients = frees_gradients(job, optimizer)
    weights = Weights(walked_job)
    try:
        network = network_of(walked_job, weights)
    except CannotEstimate:
        if job.model.parameters is None:
            raise
        return _bare(job, job.model.parameters, optimizer)
    profile = walk(walked_job, network, plan)
    layers = len(network.order)
    divided = job.parallel.tensor * job.parallel.pipeline * job.parallel.expert > 1
    whole = _whole_model(job) if divided else weights
    candidates, places = [], []
    for part in parts(layers, job.parallel.pipeline):
        held = weights
        if job.parallel.pipeline > 1:
            held = copy(weights)
            held.groups = [replace(group) for group in weights.groups]
            keep_part(held, part, layers)
        persistent = _persistent_bytes(job, held, plan, optimizer)
        before = persistent.gradients if plan.holds_gradients(part.in_flight) else 0
        moments = compose(profile, before, part, ON_DEVICE_LAYERS if job.activation_offload else layers)
        if has_reference(job):
            moments.append(reference_pass(walked_job, profile, network, moments))
        candidates.append(_assembled(job, whole, persistent, moments, network.modelled, network.notes))
        places.append((profile.order[part.first : part.last + 1], moments))
    fullest = max(range(len(candidates)), key=lambda index: candidates[index].device_bytes)
    return (
        replace(candidates[fullest], tensors=_largest(profile, *places[fullest], tensors))
        if tensors
        else candidates[fullest]
    )


def _bare(job: TrainingJob, parameters: int, optimizer: Optimizer) -> Estimate:
    """Weights, gradients and states of a model of which only the parameter count is known."""
    weights = Weights(job)
    weights.group("all weights")
    weights.parameter("weights", (parameters,))
    return _assembled(
        job, weights, _persistent_bytes(job, weights, plan_of(job), optimizer), [], modelled=False
    )


def _largest(
    profile: StepProfile, order: Sequence[int], moments: Sequence[PeakCandidate], most: int
) -> tuple[TensorAtPeak, ...]:
    """The tensors alive at the highest moment of forward and backward; none where the optimizer's step is
    higher still.
    """
    top = max(moments, key=lambda moment: moment.dynamic)
    return tensors_at(profile, PeakPlace(top.phase, top.position), order, most) if top.position >= 0 else ()


def per_rank_job(job: TrainingJob) -> TrainingJob:
    """The job as one rank walks it: context parallelism leaves it a share of each sequence, pairs double the
    rows.
    """
    context = job.parallel.context
    changes: dict[str, int] = {}
    if context > 1:
        changes["sequence_length"] = -(-job.sequence_length // context)
    rows = objective_of(job).rows
    if rows > 1:
        changes["micro_batch_size"] = rows * job.micro_batch_size
    return replace(job, **changes) if changes else job  # type: ignore[arg-type]


def _persistent_bytes(
    job: TrainingJob, weights: Weights, plan: Plan, optimizer: Optimizer
) -> PersistentBytes:
    trained = [(parameter, count) for parameter, count in weights.all() if parameter.trainable]
    precision, offload = job.precision, job.parallel.offload
    own_loop = job.loop in OWN_LOOPS
    arguments = {"wide_embeddings": not own_loop, **job.optimizer_args}
    gradients = states = paged = 0
    for parameter, count in trained:
        gradients += count * rounded(
            plan.gradient_elements(parameter) * DTYPE_BYTES[plan.gradient_dtype(parameter)]
        )
        share = plan.state_elements(parameter)
        held = Parameter(parameter.name, _part(parameter, share), parameter.stored, True)
        dtype = (
            parameter.stored
            if precision.optimizer_states == "same-as-weights"
            else precision.optimizer_states
        )
        size = count * (optimizer.states(held, dtype, arguments) + optimizer.counter)
        if optimizer.paged and held.numel >= PAGED_FROM:
            paged += size
        elif not optimizer.on_host:
            states += size
        if precision.master_weights == "float32":
            states += count * rounded(share * 4)
    elements = sum(count * parameter.numel for parameter, count in trained)
    stored = weights.stored_bytes(plan)
    # Own loops compile the optimizer's step too (torchtune's `compile`), which leaves it no temporaries.
    step = 0 if job.compile and own_loop else optimizer.step(trained, plan.state_elements)
    if plan.scheme.deepspeed:
        step += int(4 * elements / plan.ranks)
    if offload in ("optimizer", "both"):
        states = step = paged = 0
        if plan.scheme.shards_gradients:
            gradients = 0
    if offload in ("parameters", "both"):
        stored = gradients = 0
    if frees_gradients(job, optimizer):
        gradients = 0
        step = (
            optimizer.step([max(trained, key=lambda item: item[0].numel)], plan.state_elements)
            if trained
            else 0
        )
    buffers = plan.buffers(elements)
    if plan.scheme.copies_gradients:
        buffers += gradients
    reference = _reference_bytes(job, weights, plan) if has_reference(job) else 0
    return PersistentBytes(stored, gradients, states, buffers, step, reference, paged)


def _reference_bytes(job: TrainingJob, weights: Weights, plan: Plan) -> int:
    """A second copy of the base weights, in their dtype or in four bits."""
    width = 0.5 + 4 / 64 if job.reference_model == "quantized" else DTYPE_BYTES[job.precision.weights]
    return sum(
        count * rounded(plan.weight_elements(p) * width)
        for p, count in weights.all()
        if ".lora_" not in p.name
    )


def frees_gradients(job: TrainingJob, optimizer: Optimizer) -> bool:
    """Whether every gradient is used and freed while backward runs."""
    return job.optimizer_in_backward or optimizer.frees_gradients


def _part(parameter: Parameter, elements: int) -> tuple[int, ...]:
    """The shape of a rank's part of a tensor: rows are shared out."""
    if elements == parameter.numel or len(parameter.shape) < 2:
        return (elements,) if len(parameter.shape) < 2 else parameter.shape
    width = parameter.numel // parameter.shape[0]
    return (max(1, elements // width), *parameter.shape[1:])


def compose(
    profile: StepProfile, gradients_before: int, part: StagePart, resident: int
) -> list[PeakCandidate]:
    """The peaks of every moment of the real step on one pipeline stage, each layer taking the profile of its
    kind.

    `resident`: layers whose saved tensors may be on the GPU at once; those of further layers are on the
    host until backward comes to them.
    """
    moments: list[PeakCandidate] = []
    order = profile.order[part.first : part.last + 1]
    away = _offloaded(profile, order, resident)
    spans = list(_spans(order, away))
    current = gradients = gradients_before
    if part.in_flight > 1:
        saved = sum(profile.forward[index].net + profile.autocast_end[index].net for index in order)
        current += (part.in_flight - 1) * (saved - sum(away))
    for first, count in spans:
        stretch = profile.forward[order[first]]
        step = stretch.net - away[first]
        for place in _ends(count):
            moments.append(
                PeakCandidate("forward", current + place * step + stretch.rise, gradients, first + place)
            )
        current += count * step
    for first, count in spans:
        current += count * profile.autocast_end[order[first]].net
    if part.last == len(profile.order) - 1:
        moments.append(PeakCandidate("forward", current + profile.after_loss.rise, gradients))
        current += profile.after_loss.net
    returning = [0] * min(resident, len(order)) + away[::-1]
    for first, count in reversed(spans):
        stretch = profile.backward[order[first]]
        last = first + count - 1
        step, step_gradients = stretch.net + returning[len(order) - 1 - last], stretch.net_gradients
        for place in _ends(count):
            alive = gradients + place * step_gradients + stretch.rise_gradients
            moments.append(
                PeakCandidate("backward", current + place * step + stretch.rise, alive, last - place)
            )
        current += count * step
        gradients += count * step_gradients
    return moments


def _ends(count: int) -> tuple[int, ...]:
    """First and last of `count` equal layers: what is alive grows or shrinks evenly between, so that the peak
    is at an end.
    """
    return (0,) if count == 1 else (0, count - 1)


def _spans(order: Sequence[int], away: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Neighbours of one kind, as position and count; where tensors move to the host, each layer by itself."""
    if any(away):
        yield from ((position, 1) for position in range(len(order)))
        return
    first = 0
    for _, alike in groupby(order):
        count = len(list(alike))
        yield first, count
        first += count


def _offloaded(profile: StepProfile, order: Sequence[int], resident: int) -> list[int]:
    """What each part of the model sends to the host: the saved tensors of all layers but the last `resident`
    ones.
    """
    if resident >= len(order) - 2:
        return [0] * len(order)
    head = len(profile.forward) - 1
    layers = [position for position, index in enumerate(order) if index not in (0, head)]
    gone = set(layers[: max(0, len(layers) - resident)])
    saved = [profile.forward[index].net + profile.autocast_end[index].net for index in order]
    return [max(0, size) if position in gone else 0 for position, size in enumerate(saved)]


def reference_pass(
    job: TrainingJob, profile: StepProfile, network: Network, moments: Sequence[PeakCandidate]
) -> PeakCandidate:
    """The reference model's forward while the policy's graph is alive: its logits, unless a fused head never
    makes them.
    """
    alive = max((moment.dynamic for moment in moments if moment.phase == "forward"), default=0)
    if job.loss != "full-logits":
        return PeakCandidate("forward", alive, 0)
    width = 6 if profile.tape.autocast else DTYPE_BYTES[job.precision.weights]
    logits = job.micro_batch_size * job.sequence_length * network.head.weight.shape[0] * width
    return PeakCandidate("forward", alive + int(logits), 0)


def _assembled(
    job: TrainingJob,
    whole: Weights,
    persistent: PersistentBytes,
    walked: Sequence[PeakCandidate],
    modelled: bool,
    notes: tuple[str, ...] = (),
) -> Estimate:
    moments = [
        *walked,
        PeakCandidate("optimizer", persistent.gradients + persistent.step, persistent.gradients),
    ]
    batch = 3 * rounded(8 * job.micro_batch_size * job.sequence_length) if walked else 0
    stored = persistent.weights + persistent.models
    base = stored + persistent.states + persistent.buffers + batch
    top = max(moments, key=lambda moment: moment.dynamic)
    peak = base + top.dynamic
    phase_peaks = {
        name: base + max((m.dynamic for m in moments if m.phase == name), default=0)
        for name in ("forward", "backward", "optimizer")
    }
    most = (
        max((moment.dynamic - moment.gradients for moment in walked), default=0) + batch + persistent.buffers
    )
    activations = peak - stored - persistent.states - top.gradients
    overhead = allocator_slack(activations) + device_overhead(job)
    reserved_bytes = typically_reserved(job, peak, activations)
    components: dict[Component, int] = {
        "weights": stored,
        "gradients": top.gradients,
        "optimizer_states": persistent.states,
        "activations": activations,
        "overhead": overhead,
    }
    sizes: dict[Component, int] = {
        **components,
        "gradients": persistent.gradients,
        "optimizer_states": persistent.states + persistent.paged,
        "activations": most if walked else 0,
    }
    return Estimate(
        parameters=sum(count * parameter.numel for parameter, count in whole.all()),
        trainable_parameters=sum(
            count * parameter.numel for parameter, count in whole.all() if parameter.trainable
        ),
        components=components,
        component_sizes=sizes,
        peak_allocated_bytes=peak,
        peak_reserved_bytes=reserved_bytes,
        device_bytes=peak + overhead,
        peak_phase=top.phase,
        phase_peaks=phase_peaks,
        error_band=error_band(job, modelled),
        checkpoint_bytes=_checkpoint(job, whole, persistent, plan_of(job)),
        architecture=job.model.model_type,
        modelled=modelled,
        notes=(*_notes(job, persistent, modelled, bool(walked)), *notes),
    )


def _whole_model(job: TrainingJob) -> Weights:
    """The weights of the undivided model."""
    undivided = replace(job, parallel=replace(job.parallel, tensor=1, pipeline=1, expert=1, sequence=False))
    weights = Weights(undivided)
    network_of(undivided, weights)
    return weights


def _notes(job: TrainingJob, persistent: PersistentBytes, modelled: bool, walked: bool) -> Iterator[str]:
    """What a reader should know about how this estimate counts."""
    if not modelled and not walked:
        yield "only a parameter count is known: activations are unknown and not counted"
    elif not modelled:
        name = job.model.model_type or "this architecture"
        yield f"{name} is not modelled to the operation: weights and states are exact, activations a bound"
    if objective_of(job).unknown:
        yield objective_of(job).unknown
    if persistent.paged:
        size = f"{persistent.paged / GIB:.1f} GiB"
        yield f"paged optimizer states ({size}) lie in unified memory, evicted from a full card: not counted"


def _checkpoint(
    job: TrainingJob, weights: Weights, persistent: PersistentBytes, plan: Plan
) -> dict[str, int]:
    """Bytes on disk: the saved model (16 bit a weight; of an adapter only its own weights, as they are), and
    with the states to resume from.

    States are those of all ranks that share them.
    """
    if weights.adapter is None:
        saved = sum(count * parameter.numel * 2 for parameter, count in weights.all())
    else:
        saved = sum(
            int(count * parameter.numel * DTYPE_BYTES[parameter.stored])
            for parameter, count in weights.all()
            if parameter.trainable
        )
    shared_by = plan.ranks if plan.scheme.shards_states else 1
    parts = job.parallel.tensor * job.parallel.pipeline
    return {
        "weights": saved,
        "resume_state": saved + (persistent.states + persistent.paged) * shared_by * parts,
    }
