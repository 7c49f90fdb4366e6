"""The model of a job and the walk of its step, shared by the jobs between which the walk sees no difference.

A search asks for many such jobs: another optimizer, another allocator, another batch of the evaluation. What
the walk does not look at is taken out of the job before, so that one that did look would find nothing there
rather than what another job had said.
"""

from __future__ import annotations

from functools import lru_cache

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures import network_of
from vramlint.memory.architectures.network import Network
from vramlint.memory.estimate import CannotEstimate
from vramlint.memory.objectives import objective_of
from vramlint.memory.sharding import plan_of
from vramlint.memory.step import StepProfile, walk
from vramlint.memory.weights import Weights

KEPT = 16
"""Walks that are remembered: those of one search."""


@dataclass(frozen=True, slots=True, eq=False)
class Walked:
    """A model on the tape with its weights, and its step as one rank walks it. Nobody changes any of it."""

    weights: Weights
    network: Network
    profile: StepProfile


def walked(job: TrainingJob, frees_gradients: bool) -> Walked:
    """The model and the step of `job`. Raises CannotEstimate where the model is not known, or nothing of it
    is trained.
    """
    return _walked(Seen(job, frees_gradients))


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


class Seen:
    """What a walk sees of a job, as a key of those that are remembered."""

    __slots__ = ("_hash", "frees_gradients", "job")

    def __init__(self, job: TrainingJob, frees_gradients: bool = False) -> None:
        self.frees_gradients = frees_gradients
        self.job = replace(
            job,
            optimizer="",
            optimizer_args={},
            optimizer_in_backward=False,
            gradient_clipping=None,
            activation_offload=False,
            allocator="",
            evaluation=None,
            loading="auto",
            saving="auto",
            ram=None,
            origins={},
        )
        step = job.micro_batch_size, job.gradient_accumulation_steps, job.sequence_length, job.loss
        self._hash = hash((job.method, job.gradient_checkpointing, job.model.name, *step))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Seen):
            return False
        return self.frees_gradients == other.frees_gradients and self.job == other.job


def forget() -> None:
    """Walk anew from here on: for what measures how long that takes."""
    _walked.cache_clear()


@lru_cache(KEPT)
def _walked(seen: Seen) -> Walked:
    job = per_rank_job(seen.job)
    plan = plan_of(seen.job)
    plan.frees_gradients = seen.frees_gradients
    weights = Weights(job)
    network = network_of(job, weights)
    if network.modelled and trains_nothing(weights):
        raise _nothing_trained(job)
    return Walked(weights, network, walk(job, network, plan))


def trains_nothing(weights: Weights) -> bool:
    """Whether what is trained is chosen by name, and nothing has such a name: PEFT refuses an adapter that
    goes on no layer.
    """
    chosen = weights.adapter is not None or weights.trained is not None
    return chosen and not any(parameter.trainable for parameter, _ in weights.all())


def _nothing_trained(job: TrainingJob) -> CannotEstimate:
    if job.trainable_parameters:
        message = f"no weight of {job.model.model_type} has a name that the expressions match"
        return CannotEstimate("nothing-trained", message, "trainable_parameters")
    message = f"no layer of {job.model.model_type} has a name that the adapter's targets match"
    return CannotEstimate("nothing-adapted", message, "adapter.targets")
