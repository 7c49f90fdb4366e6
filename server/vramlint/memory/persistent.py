"""Bytes that stay for the whole step: weights, gradients, optimizer states, buffers, on one rank."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from vramlint.catalog.optimizers import Optimizer
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.memory.ledger import rounded
from vramlint.memory.optimizers import states_of, step_of
from vramlint.memory.sharding.plan import Plan, Trained
from vramlint.memory.tensors import Parameter
from vramlint.memory.weights import Weights

PAGED_FROM = 100_000
"""Elements from which bitsandbytes puts states into unified memory (optim/optimizer.py get_state_buffer)."""


@dataclass(frozen=True, slots=True)
class PersistentBytes:
    """Bytes that stay for the whole step on this rank: weights, all gradients once they are there, optimizer
    states, buffers.
    """

    weights: int
    gradients: int
    """Those kept from one micro batch to the next."""
    states: int
    buffers: int
    step: int
    """Temporaries of the optimizer's step."""
    stepped: int
    """Gradients as the optimizer finds them."""
    models: int = 0
    """Weights of models that only run forward: reference, reward model, teacher."""
    paged: int = 0
    """Optimizer states in unified memory: outside PyTorch's allocator, and evicted when the GPU is full."""
    passing: Mapping[str, int] = field(default_factory=dict)
    """Buffers of the engine that exist in some moments only, by moment."""
    away: int = 0
    """Optimizer states in host memory."""
    to_host: int = 0
    """What a reduced gradient takes on its way to the host."""


class States(NamedTuple):
    """Bytes of the states of one weight: on the GPU, in unified memory, and of the first those of a float32
    master copy; `times` weights have as many.
    """

    times: int
    bytes: int
    paged: int
    master: int


def persistent_bytes(job: TrainingJob, weights: Weights, plan: Plan, optimizer: Optimizer) -> PersistentBytes:
    """What this rank holds of `weights` from the first forward to the end of the optimizer\'s step."""
    trained = weights.updated()
    offload, step_bytes = job.parallel.offload, step_of(optimizer)
    gradients = sum(count * plan.gradient_bytes(parameter) for parameter, count in trained)
    states = paged = 0
    for state in state_sizes(job, weights, plan, optimizer):
        paged += state.times * state.paged
        states += state.times * state.bytes
    stored = weights.stored_bytes(plan)
    stepping = stepped_over(job, trained)
    # Own loops compile the optimizer's step too (torchtune's `compile`), which leaves it no temporaries.
    step = 0 if job.compile and not job.in_trainer else step_bytes(stepping, plan.state_elements)
    away = 0
    if offload in ("optimizer", "both"):
        away, states, step, paged = states + paged, 0, 0, 0
        # torchao's CPUOffloadOptimizer (0.18) copies gradients to the host and keeps those of the GPU, unless
        # it is told to offload them.
        if plan.shares_gradients and plan.deepspeed:
            gradients = 0
    if offload in ("parameters", "both"):
        stored, gradients = weights.stored_bytes(plan, only_buffers=True), 0
    if frees_gradients(job, optimizer):
        gradients = 0
        largest = [max(stepping, key=lambda item: item[0].numel)] if trained and step else []
        step = step_bytes(largest, plan.state_elements)
    stepped, step = plan.in_step(trained, gradients, step)
    kept = gradients
    if plan.accumulates_whole and job.gradient_accumulation_steps > 1:
        kept = sum(count * plan.whole_gradient_bytes(parameter) for parameter, count in trained)
    return PersistentBytes(
        stored,
        kept,
        states,
        plan.buffers(trained, gradients),
        step,
        stepped,
        paged=paged,
        passing=_passing(weights, plan, trained),
        away=away,
        to_host=plan.to_host(trained),
    )


def _passing(weights: Weights, plan: Plan, trained: Trained) -> Mapping[str, int]:
    """Buffers of the engine by moment, weights that it keeps gathered among them: where those go in backward,
    room for its buffers comes.
    """
    units = [(group.parameters, group.count) for group in weights.groups if group.name != "head"]
    last = [parameter for group in weights.groups if group.name == "head" for parameter in group.parameters]
    if units and not any(len(parameter.shape) > 1 for parameter in last):
        last += units[0][0]  # a tied table
    kept, passing = plan.gathered(units, last), plan.passing(trained)
    beside = passing.get("backward", 0)
    if not kept:
        return passing
    through = kept.get("backward")
    backward = max(kept.get("loss", 0), beside) if through is None else through + beside
    return {**passing, **kept, "backward": backward}


def stepped_over(job: TrainingJob, trained: Trained) -> Trained:
    """The tensors that the optimizer steps over: the float32 masters, where there are any."""
    if job.precision.master_weights == "none":
        return trained
    return [
        (Parameter(parameter.name, parameter.shape, "float32", True), count) for parameter, count in trained
    ]


def state_sizes(job: TrainingJob, weights: Weights, plan: Plan, optimizer: Optimizer) -> Iterator[States]:
    """The optimizer states of each trained weight on this rank, a float32 master copy among them."""
    precision, state_bytes = job.precision, states_of(optimizer)
    flat = plan.deepspeed or job.parallel.strategy == "fsdp1"
    arguments = {"wide_embeddings": job.in_trainer, "flat_partition": flat, **job.optimizer_args}
    for parameter, count in weights.updated():
        share = plan.state_elements(parameter)
        held = Parameter(parameter.name, _part(parameter, share, flat), parameter.stored, True)
        dtype = (
            parameter.stored
            if precision.optimizer_states == "same-as-weights"
            else precision.optimizer_states
        )
        size = state_bytes(held, dtype, {**arguments, "whole": parameter.numel})
        paged = optimizer.paged and held.numel >= PAGED_FROM
        master = rounded(share * 4) if precision.master_weights == "float32" else 0
        here = 0 if paged or optimizer.on_host else size
        yield States(count, here + master, size if paged else 0, master)


def frees_gradients(job: TrainingJob, optimizer: Optimizer) -> bool:
    """Whether every gradient is used and freed while backward runs."""
    return job.optimizer_in_backward or optimizer.steps_in_backward


def _part(parameter: Parameter, elements: int, flat: bool) -> tuple[int, ...]:
    """The shape of a rank's part of a tensor as its optimizer sees it: elements of a flat partition
    (DeepSpeed, FSDP1), else rows (FSDP2 shards the first dimension), or a part of one.
    """
    if flat or len(parameter.shape) < 2:
        return (elements,)
    if elements == parameter.numel:
        return parameter.shape
    width, row = parameter.numel // parameter.shape[0], parameter.shape[-1]
    if elements >= width:
        return (elements // width, *parameter.shape[1:])
    return (elements // row, row) if elements >= row else (elements,)
