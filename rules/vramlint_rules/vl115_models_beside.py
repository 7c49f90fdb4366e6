"""VL115."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib, gpu_name
from vramlint.lint.rule import Rule
from vramlint.memory import CannotEstimate, estimate_job
from vramlint.memory.roles import NAMES, Role, role_of
from vramlint_rules.vl415_resident_reference import CAN_PRECOMPUTE

_ADVICE: Mapping[Role, str] = {
    "critic": "take a smaller one, or a method without one, as GRPO",
    "reward_model": "let another process score, or load it in 4 bits",
    "teacher": "take a smaller one, or load it in 4 bits",
    "reference": "compute its scores once, or train an adapter, whose base is the reference",
}


class ModelsBeside(Rule):
    """The run would fit without a model that stays on the GPU beside the trained one.

    ## What it finds

    A run that does not fit, and would without its critic, reward model, teacher or reference model: the
    memory is worked out again with each of them left out.

    ## Why it matters

    Nothing about the trained model has to change then. In the example the policy is trained by an adapter
    and takes little more than its 14.2 GiB of weights; the reward model of the same size takes as much again.

    ## Example

    ```yaml
    # vramlint: gpu=RTX-4090
    vramlint: 1
    model: Qwen/Qwen2.5-7B
    objective: grpo
    method: lora
    adapter: {r: 16}
    micro_batch_size: 1
    sequence_length: 512
    gradient_checkpointing: full
    roles: {reward_model: Qwen/Qwen2.5-7B}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=RTX-4090
    vramlint: 1
    model: Qwen/Qwen2.5-7B
    objective: grpo
    method: lora
    adapter: {r: 16}
    micro_batch_size: 1
    sequence_length: 512
    gradient_checkpointing: full
    roles: {reward_model: none}
    ```
    """

    code = "VL115"
    name = "models-beside"
    severity = "warning"
    summary = "the run would fit without a model beside the trained one"
    needs_verdict = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Leave out one after the other."""
        job, estimate, gpu = context.job, context.estimate, context.gpu
        if job is None or estimate is None or gpu is None or context.verdict != "does_not_fit":
            return
        for role, name in NAMES.items():
            if role_of(job, role) in ("none", "auto", "unknown") or _said_elsewhere(context, job, role):
                continue
            try:
                without = estimate_job(_without(job, role))
            except CannotEstimate:
                continue
            if without.verdict(gpu.usable_bytes) != "fits":
                continue
            written = context.key(f"roles.{role}") or context.key("reference_model")
            yield self.finding(
                f"without the {name} the run needs {gib(without.device_bytes)} GiB of the "
                f"{gib(gpu.usable_bytes)} of {gpu_name(gpu)}, with it {gib(estimate.device_bytes)}: "
                f"{_ADVICE[role]}",
                written or context.key("objective") or context.key("model") or (),
            )


def _without(job: TrainingJob, role: Role) -> TrainingJob:
    if role == "reference":
        return replace(job, reference_model="none")
    none: dict[str, Any] = {role: "none"}
    return replace(job, roles=replace(job.roles, **none))


def _said_elsewhere(context: RuleContext, job: TrainingJob, role: Role) -> bool:
    """Whether VL415 speaks of it: a copy of the trained model, in a file that can have its scores computed
    once.
    """
    own = role == "reference" and job.roles.reference == "auto" and job.objective in ("dpo", "kto")
    return own and context.dialect is not None and context.dialect.name in CAN_PRECOMPUTE
