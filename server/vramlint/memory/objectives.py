"""What an objective adds to a plain step: rows, other models, passes without gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Objective:
    """`rows`: sequences run for each one of the micro batch. `reference`: whether "auto" means a second model
    where all weights are trained.

    `loss`: "language", "preference", "odds-ratio", "policy" (log-probabilities of completions), "score" (a
    head of one output), "value" (one beside the language head, whose logits nobody uses) or "divergence"
    (from a teacher's distribution). `roles`: the models that an objective has beside the trained one, where
    no file names them.
    """

    rows: int = 1
    reference: bool = False
    loss: str = "language"
    roles: Mapping[str, Literal["same-as-model", "unknown"]] = field(default_factory=dict)


OBJECTIVES: dict[str, Objective] = {
    "pretrain": Objective(),
    "sft": Objective(),
    "classification": Objective(loss="score"),
    "reward": Objective(rows=2, loss="score"),
    "dpo": Objective(rows=2, reference=True, loss="preference"),
    "kto": Objective(reference=True, loss="preference"),
    "orpo": Objective(rows=2, loss="odds-ratio"),
    "grpo": Objective(loss="policy"),
    "ppo": Objective(
        reference=True,
        loss="policy",
        roles={"critic": "same-as-model", "reward_model": "same-as-model"},
    ),
    "distillation": Objective(loss="divergence", roles={"teacher": "unknown"}),
}


VALUED = Objective(rows=2, loss="value")
"""A reward model that keeps its language head."""


def objective_of(job: TrainingJob) -> Objective:
    """The row of the job's objective."""
    if job.objective == "reward" and not job.roles.scores:
        return VALUED
    return OBJECTIVES.get(job.objective, OBJECTIVES["sft"])


def has_reference(job: TrainingJob) -> bool:
    """Whether a reference model stays on the GPU: with adapters the policy without them serves (peft
    disable_adapter), unless the job says otherwise.
    """
    if job.reference_model == "auto":
        return objective_of(job).reference and job.method in ("full", "freeze", "layernorm")
    return job.reference_model != "none"
