"""Models beside the trained one: the critic of PPO, reward models, teachers, reference models.

All of them are on the training's GPUs for the whole run (trl 1.16, trainer/grpo_trainer.py,
`prepare_deepspeed` and `prepare_fsdp`; trl 0.24, trainer/ppo_trainer.py), and shared out as the trained model
is: by ZeRO-3 and FSDP, else whole on every GPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from vramlint.catalog.facts import Model
from vramlint.catalog.optimizers import Optimizer
from vramlint.job import Precision, RoleModel, TrainingJob, Written, released_quantized
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures import network_of
from vramlint.memory.estimate import CannotEstimate
from vramlint.memory.ledger import DTYPE_BYTES, rounded
from vramlint.memory.objectives import has_reference, objective_of
from vramlint.memory.peaks import PeakCandidate, compose, passes
from vramlint.memory.persistent import PersistentBytes, persistent_bytes
from vramlint.memory.pipeline import StagePart
from vramlint.memory.sharding import Plan
from vramlint.memory.step import walk
from vramlint.memory.weights import Weights
from vramlint.vocabulary import WITHOUT_OPTIMIZER, WITHOUT_PARAMETERS

Role: TypeAlias = Literal["critic", "reward_model", "teacher", "reference"]
NAMES: dict[Role, str] = {
    "critic": "critic",
    "reward_model": "reward model",
    "teacher": "teacher",
    "reference": "reference model",
}


@dataclass(frozen=True, slots=True)
class Step:
    """Bytes that stay for the whole step, and the local peaks on top of them."""

    persistent: PersistentBytes
    peaks: list[PeakCandidate]


def role_of(job: TrainingJob, role: Role) -> RoleModel:
    """The model in a role, "auto" replaced by what the objective implies."""
    named: RoleModel = getattr(job.roles, role)
    if role == "reference":
        if not has_reference(job):
            return "none"
        return "same-as-model" if named in ("auto", "none") else named
    return objective_of(job).roles.get(role, "none") if named == "auto" else named


def not_counted(job: TrainingJob) -> Iterator[str]:
    """Why the whole is not known: a sentence for each model that is there and that nobody can size."""
    for role, name in NAMES.items():
        if role_of(job, role) != "unknown":
            continue
        origin = job.origins.get(f"roles.{role}")
        if isinstance(origin, Written):
            key = ".".join(str(part) for part in origin.key)
            yield f"the {name} is not counted: nothing is known about the model that {key} names"
        else:
            yield f"the {name} is not counted: the file does not name it"


def taken_for_granted(job: TrainingJob) -> Iterator[str]:
    """What the objective implies and the file does not say."""
    implied = [
        name
        for role, name in NAMES.items()
        if role != "reference"
        and getattr(job.roles, role) == "auto"
        and role_of(job, role) == "same-as-model"
    ]
    if implied:
        yield f"{' and '.join(implied)} assumed to be as large as the trained model"


def frozen_bytes(job: TrainingJob, weights: Weights, plan: Plan) -> int:
    """Weights of the models that only run forward, on this rank."""
    total = 0
    for role in ("reference", "reward_model", "teacher"):
        model = role_of(job, role)
        if model == "same-as-model":
            total += _copy(job, weights, plan, job.reference_model == "quantized" and role == "reference")
        elif isinstance(model, Model):
            scores = job.roles.scores and role == "reward_model"
            total += weights_of(job, model, scores).stored_bytes(plan)
    return total if job.parallel.offload not in ("parameters", "both") else 0


def weights_of(job: TrainingJob, model: Model, scores: bool) -> Weights:
    """The frozen weights of a model in a role; with a head of one output where it `scores`."""
    quantized = released_quantized(model.quantized_as) if model.quantized_as else None
    dtype = job.roles.dtype
    precision = job.precision if dtype == "same-as-weights" else Precision(weights=dtype)
    frozen = replace(
        job,
        precision=precision,
        model=model,
        method="lora",
        adapter=None,
        quantization=quantized,
        objective="classification" if scores else "sft",
    )
    weights = Weights(frozen)
    weights.adapter = None
    try:
        network_of(frozen, weights)
    except CannotEstimate:
        weights = Weights(frozen)
        weights.group("all weights")
        weights.parameter("weights", (model.parameters or 0,))
    return weights


def _copy(job: TrainingJob, weights: Weights, plan: Plan, quantized: bool) -> int:
    """A second copy of the trained model's base, in its dtype or in four bits."""
    width = 0.5 + 4 / 64 if quantized else DTYPE_BYTES[job.precision.weights]
    return sum(
        count * rounded(plan.weight_elements(p) * width) for p, count in weights.all() if not p.of_adapter
    )


def with_critic(
    job: TrainingJob, policy: Step, weights: Weights, plan: Plan, optimizer: Optimizer, part: StagePart
) -> Step:
    """The step of `policy` with that of the critic, together with it or after it.

    `job` is the job as a rank walks it, `weights` are the policy's.
    """
    model = role_of(job, "critic")
    if model in ("none", "auto", "unknown"):
        return policy
    critic_job = replace(job, reference_model="none", objective="classification")
    if job.roles.critic_tokens is not None:
        critic_job = replace(critic_job, micro_batch_size=1, sequence_length=job.roles.critic_tokens)
    own = weights
    if isinstance(model, Model):
        critic_job = replace(critic_job, model=model, method="full", adapter=None, quantization=None)
        own = Weights(critic_job)
    network = network_of(critic_job, own if own is not weights else Weights(critic_job))
    profile = walk(critic_job, network, plan)
    kept = persistent_bytes(critic_job, own, plan, optimizer)
    layers = len(network.order)
    whole = StagePart("model", 0, layers + 1)
    run = passes(plan, kept.gradients, whole)[0]
    peaks, before = compose(profile, whole, run, layers), run.before
    saved = sum(profile.forward[index].net + profile.autocast_end[index].net for index in profile.order)
    if job.roles.critic_steps == "apart":
        return Step(_one_after_the_other(job, policy.persistent, kept), [*policy.peaks, *peaks])
    return Step(
        _side_by_side(policy.persistent, kept, plan),
        list(_interleaved(policy, peaks, kept, saved, before)),
    )


def _interleaved(
    policy: Step, critic: Sequence[PeakCandidate], kept: PersistentBytes, saved: int, before: int
) -> Iterator[PeakCandidate]:
    """Critic forward, policy forward and backward over the critic's graph, critic backward (trl 0.24,
    trainer/ppo_trainer.py, PolicyAndValueWrapper.forward).
    """
    first = min((peak.gradients for peak in policy.peaks), default=0)
    for peak in policy.peaks:
        yield replace(peak, dynamic=peak.dynamic + saved + before, gradients=peak.gradients + before)
    for peak in critic:
        more = policy.persistent.gradients if peak.moment == "backward" else first
        yield replace(peak, dynamic=peak.dynamic + more, gradients=peak.gradients + more, position=-1)


def _side_by_side(policy: PersistentBytes, critic: PersistentBytes, plan: Plan) -> PersistentBytes:
    """One optimizer and one engine over both."""
    shared = plan.deepspeed
    return PersistentBytes(
        policy.weights + critic.weights,
        policy.gradients + critic.gradients,
        policy.states + critic.states,
        policy.buffers if shared else policy.buffers + critic.buffers,
        policy.step + critic.step,
        policy.stepped + critic.stepped,
        policy.models,
        policy.paged + critic.paged,
        policy.passing,
        policy.away + critic.away,
    )


def _one_after_the_other(
    job: TrainingJob, policy: PersistentBytes, critic: PersistentBytes
) -> PersistentBytes:
    """Two engines: weights and states of both stay unless both leave the GPU to the other, gradients and
    temporaries are of one at a time.
    """
    own = job.generation.away if job.generation is not None else "none"
    leave = {own, job.roles.critic_away}
    weights, states = (policy.weights, critic.weights), (policy.states, critic.states)
    return PersistentBytes(
        max(weights) if leave <= WITHOUT_PARAMETERS else sum(weights),
        max(policy.gradients, critic.gradients),
        max(states) if leave <= WITHOUT_OPTIMIZER else sum(states),
        policy.buffers + critic.buffers,
        max(policy.step, critic.step),
        max(policy.stepped, critic.stepped),
        policy.models,
        policy.paged + critic.paged,
        policy.passing,
        policy.away + critic.away,
    )
