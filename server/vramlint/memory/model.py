"""estimate_job: put the parts of the memory model together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from math import ceil

from vramlint.catalog.optimizers import Optimizer, optimizer_named
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures import network_of
from vramlint.memory.architectures.plausible_shape import refuse_implausible
from vramlint.memory.assembly import assembled, counted_at_most, left_open
from vramlint.memory.estimate import CannotEstimate, Estimate, TensorAtPeak
from vramlint.memory.host import host_memory
from vramlint.memory.moments.evaluation import evaluated, evaluation_moment, scoring_moment
from vramlint.memory.moments.generation import generation_moment, without_prompts
from vramlint.memory.moments.held import Held
from vramlint.memory.moments.loading import loading_moment
from vramlint.memory.moments.saving import saving_moment
from vramlint.memory.objectives import has_reference
from vramlint.memory.peaks import (
    PeakCandidate,
    beside_reductions,
    compose,
    offloaded,
    passes,
    reduced_at_end,
    reference_logits,
    reference_pass,
)
from vramlint.memory.persistent import PersistentBytes, frees_gradients, persistent_bytes
from vramlint.memory.pipeline import in_flight, keep_part, parts, parts_by_size
from vramlint.memory.replay import Late
from vramlint.memory.replay.run import Run
from vramlint.memory.roles import Step, frozen_bytes, with_critic
from vramlint.memory.sharding import Plan, plan_of
from vramlint.memory.shared_walk import per_rank_job, walked
from vramlint.memory.step import StepProfile
from vramlint.memory.weights import Weights

ON_DEVICE_LAYERS = 2
"""Layers whose saved tensors are on the GPU at a time when activations are offloaded: the one that runs and
the next.
"""


def estimate_job(job: TrainingJob, tensors: int = 0) -> Estimate:
    """What the step of `job` holds on its fullest GPU, with the `tensors` largest groups of tensors alive at
    the peak.

    Raises CannotEstimate where the job does not say enough.
    """
    optimizer = optimizer_named(job.optimizer)
    if optimizer is None:
        raise CannotEstimate("unknown-optimizer", f"optimizer {job.optimizer!r} is not modelled", "optimizer")
    refuse_implausible(job.model)
    if not job.model.config and job.model.parameters is not None:
        from vramlint.memory.typical_shape import of_typical_shape  # late: few models are a number

        shaped = of_typical_shape(job, job.model.parameters, partial(estimate_job, tensors=tensors))
        return shaped or _bare(job, job.model.parameters, optimizer)
    walked_job = per_rank_job(job)
    plan = plan_of(job)
    plan.frees_gradients = frees_gradients(job, optimizer)
    try:
        shared = walked(job, plan.frees_gradients)
    except CannotEstimate as reason:
        if job.model.parameters is None or reason.field != "model":
            raise
        return _bare(job, job.model.parameters, optimizer)
    weights, network, profile = shared.weights, shared.network, shared.profile
    layers = len(network.order)
    divided = job.parallel.tensor * job.parallel.pipeline * job.parallel.expert > 1
    whole = _whole_model(job) if divided else weights
    candidates, places, stages = [], [], []
    resident = ON_DEVICE_LAYERS if job.activation_offload else layers
    # Stages of a pipeline hold different parts and numbers of micro-batches: the fullest GPU is any of them.
    spread = job.parallel.schedule == "device-map" and job.parallel.pipeline > 1
    for part in parts_by_size(weights, network, plan) if spread else parts(layers, job):
        held = weights
        if job.parallel.pipeline > 1:
            from copy import copy  # late: few runs have a pipeline

            held = copy(weights)
            held.groups = [replace(group) for group in weights.groups]
            keep_part(held, part, network)
        persistent = persistent_bytes(job, held, plan, optimizer)
        logits = reference_logits(walked_job, profile, network)
        peaks = [
            peak
            for run in passes(plan, persistent.gradients, part)
            for peak in compose(profile, part, run, resident)
        ]
        if (end := reduced_at_end(profile, part, plan, persistent.gradients)) is not None:
            peaks.append(end)
        peaks = beside_reductions(peaks, layers, persistent.to_host)
        if has_reference(job):
            peaks.append(reference_pass(logits, peaks))
        persistent = replace(persistent, models=frozen_bytes(job, held, plan))
        step = with_critic(walked_job, Step(persistent, peaks), held, plan, optimizer, part)
        around = [
            loading_moment(job, step.persistent, held, network, plan),
            saving_moment(job, step.persistent, held, network, plan),
            *_around(job, step.persistent, persistent, weights, plan),
        ]
        undivided: tuple[str, ...] = ()
        if divided:
            from vramlint.memory.degrees import not_divided  # late: few models are divided

            undivided = tuple(not_divided(job, whole, weights, held))
        order = profile.order[part.first : part.last + 1]
        run = Run(
            walked_job,
            profile,
            order,
            held,
            plan,
            step.persistent,
            optimizer,
            logits,
            ceil(in_flight(job.parallel, part, job.gradient_accumulation_steps)),
            frozenset(at for at, size in enumerate(offloaded(profile, order, resident)) if size),
        )
        said = network.modelled, (*network.notes, *undivided), network.counted
        undivided += (*counted_at_most(job, weights), *left_open(job, "about"))
        stage = job, whole, step.persistent, step.peaks, around
        candidates.append(assembled(*stage, *said, undivided, Late(run)))
        places.append((order, step.peaks))
        if job.parallel.pipeline > 1:
            from vramlint.memory.stages import stage_memory  # late: few runs have a pipeline

            stages.append(stage_memory(part, held, plan, profile, candidates[-1].worst.components))
    fullest = max(range(len(candidates)), key=lambda index: candidates[index].worst.device_bytes)
    away = sum(offloaded(profile, places[fullest][0], resident))
    host = host_memory(job, weights, optimizer, away)
    largest = cache(partial(_largest, profile, *places[fullest], tensors)) if tensors else tuple
    told = replace(candidates[fullest], host=host, stages=tuple(stages))
    return replace(told, peak_tensors=largest, shorter=_shorter(job))


_TENSOR = 2**24
"""Elements of a linear layer 4,096 wide, for a model of which no more is known than that its linears are
quantized, one at a time.
"""


def _bare(job: TrainingJob, parameters: int, optimizer: Optimizer) -> Estimate:
    """Weights, gradients and states of a model of which only the parameter count is known."""
    weights = Weights(job)
    scheme = job.quantization.compute if job.quantization is not None else None
    tensors = -(-parameters // _TENSOR) if scheme is not None else 1
    weights.group("all weights", tensors)
    weights.parameter("weights", (parameters // tensors,), "linear", scheme)  # what stays whole is not known
    plan = plan_of(job)
    persistent = persistent_bytes(job, weights, plan, optimizer)
    around = [
        loading_moment(job, persistent, weights, None, plan),
        saving_moment(job, persistent, weights, None, plan),
    ]
    return assembled(job, weights, persistent, [], around, modelled=False)


def _around(
    job: TrainingJob, persistent: PersistentBytes, policy: PersistentBytes, weights: Weights, plan: Plan
) -> Iterator[Held]:
    """The moments beside the training step that are known to happen; `policy` is the policy's part of what is
    `persistent`.
    """
    if completions := generation_moment(job, persistent, policy, weights, plan):
        yield completions
    if job.generation is not None and job.generation.scored_tokens is not None:
        yield scoring_moment(job, job.generation.scored_tokens, persistent, plan)
    evaluation = evaluated(job)
    if evaluation is not None:
        yield evaluation_moment(evaluation, persistent, plan)


def _largest(
    profile: StepProfile, order: Sequence[int], peaks: Sequence[PeakCandidate], most: int
) -> tuple[TensorAtPeak, ...]:
    """The tensors alive at the highest peak of forward and backward; none where the optimizer's step is
    higher still.
    """
    from vramlint.memory.peak_tensors import PeakPlace, tensors_at  # late: few files have a finding

    top = max(peaks, key=lambda peak: peak.dynamic)
    return tensors_at(profile, PeakPlace(top.moment, top.position), order, most) if top.position >= 0 else ()


def _shorter(job: TrainingJob) -> Callable[[], Estimate] | None:
    """The run with completions alone: how long prompts are, up to their limit, is up to the data."""
    short = without_prompts(job)
    return None if short is None else cache(partial(estimate_job, short))


def _whole_model(job: TrainingJob) -> Weights:
    """The weights of the undivided model."""
    undivided = replace(job, parallel=replace(job.parallel, tensor=1, pipeline=1, expert=1, sequence=False))
    weights = Weights(undivided)
    network_of(undivided, weights)
    return weights
