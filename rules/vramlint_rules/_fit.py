"""Why a job needs the memory it needs: the key to blame, the sentence that says so, and the other places."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from vramlint.document.node import KeyPath
from vramlint.job import TrainingJob
from vramlint.job_fields import FIELDS, Blamed, blamed_for, is_smallest
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import At, Related
from vramlint.lint.format import count, gib, model_name
from vramlint.memory import Estimate
from vramlint.memory.estimate import Component

_WEIGHT: dict[Component, float] = {"weights": 0.6, "overhead": 0.1}
"""How much of a component a change can be hoped to save, beside the others: weights at best go to 4 bits."""
_WORTH_A_WORD = 0.02
"""Share of the total below which a component is not named."""


@dataclass(frozen=True, slots=True)
class Blame:
    """The key whose change buys most, why, and the other keys that feed the sum."""

    key: KeyPath
    reason: str
    related: tuple[Related, ...]


def blame(context: RuleContext, job: TrainingJob, estimate: Estimate, capacity: int) -> Blame:
    """The largest component that a key of the file decides; the model where weights alone are too much."""
    related = partial(_related, context, estimate)
    if key := moment_key(context, job, estimate):
        return Blame(key, moment_reason(job, estimate), related(key))
    sizes = estimate.component_sizes
    model = context.key("model") or ()
    if sizes["weights"] > capacity and model:
        return Blame(model, _reason("weights", context, job, estimate, "alone "), related(model))
    weighed = {name: size * _WEIGHT.get(name, 1.0) for name, size in estimate.components.items()}
    for component in sorted(weighed, key=lambda name: -weighed[name]):
        for field in blamed_for(component):
            key = context.key(field)
            if key is not None and not is_smallest(job, field):
                return Blame(key, _reason(component, context, job, estimate), related(key))
    return Blame(model, _reason("weights", context, job, estimate), related(model))


def or_expandable(estimate: Estimate) -> str:
    """The one setting of the environment that makes a run fit whose tensors fit and whose gaps do not."""
    if not estimate.fits_expandable:
        return ""
    return "; with PYTORCH_ALLOC_CONF=expandable_segments:True it fits, and trains the same"


_MOMENTS: Mapping[str, Blamed] = {
    "evaluation": "at evaluation",
    "generation": "at generation",
    "load": "at load",
    "save": "at save",
}


def moment_key(context: RuleContext, job: TrainingJob, estimate: Estimate) -> KeyPath | None:
    """The key to blame where the worst moment is beside the training step; None where the file has none."""
    if estimate.peak_phase not in _MOMENTS:
        return None
    fields = blamed_for(_MOMENTS[estimate.peak_phase])
    keys = (context.key(field) for field in fields if not is_smallest(job, field))
    return next((key for key in keys if key is not None), None)


def _reason(
    component: Component, context: RuleContext, job: TrainingJob, estimate: Estimate, alone: str = ""
) -> str:
    size = gib(estimate.component_sizes[component])
    if component == "activations":
        batch = context.quoted("micro_batch_size", job.micro_batch_size)
        length = context.quoted("sequence_length", job.sequence_length)
        return f"{batch} × {length} keeps {size} GiB of activations"
    trained = f"{count(estimate.trainable_parameters)} trained parameters"
    if component == "optimizer_states":
        return f"{job.optimizer} keeps {size} GiB of states for {trained}"
    if component == "gradients":
        return f"the gradients of {trained} are {size} GiB"
    if component == "weights":
        return f"the weights of {model_name(job.model)} {alone}are {size} GiB"
    if component == "generation":
        share = job.generation.memory_fraction if job.generation else 0
        return f"the generation engine takes {share:.0%} of the GPU, {size} GiB"
    return f"{size} GiB are taken beside the tensors"


def moment_reason(job: TrainingJob, estimate: Estimate) -> str:
    """What is too much where the worst moment is beside the training step."""
    moment, size = estimate.peak_phase, gib(estimate.components["activations"])
    if moment == "evaluation" and job.evaluation is not None:
        length = job.evaluation.sequence_length or job.sequence_length
        shape = f"{job.evaluation.batch} × {length}"
        return f"evaluation takes batches of {shape}, {size} GiB of logits and activations without gradients"
    if moment == "load":
        return f"loading puts {gib(estimate.components['weights'])} GiB of weights on every GPU"
    if moment == "save":
        return f"saving gathers {size} GiB of weights on the GPU"
    if job.generation is not None and job.generation.colocated:
        share = f"{job.generation.memory_fraction:.0%}"
        engine = gib(estimate.components["generation"])
        return f"the generation engine takes {share} of the GPU, {engine} GiB, beside weights and states"
    return f"keys and values of the completions that are generated together are {size} GiB"


def _related(context: RuleContext, estimate: Estimate, blamed: KeyPath) -> tuple[Related, ...]:
    """The other keys of the file that feed the sum, one a component, with what each one holds."""
    related: list[Related] = []
    told: set[Component] = set()
    for row in FIELDS.values():
        component = row.holds
        if component is None:
            continue
        key, size = context.key(row.path), estimate.component_sizes[component]
        if key is None or key == blamed or component in told or size < _WORTH_A_WORD * estimate.device_bytes:
            continue
        told.add(component)
        related.append(Related(At(key), f"{component.replace('_', ' ')} {gib(size)} GiB"))
    key = context.key("gradient_checkpointing")
    if key not in (None, blamed) and context.job and context.job.gradient_checkpointing == "none":
        related.append(Related(At(key or ()), "off: the activations of every layer are kept"))
    return tuple(related)
