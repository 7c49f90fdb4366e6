"""VL403."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.job import TrainingJob
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import count, gib
from vramlint.lint.rule import Rule
from vramlint.memory.sharding import plan_of
from vramlint_rules._fixes import checked

_CHANGES = {"parallel.sync_each_batch": True}
_WORTH = 0.05
"""Share of the run's memory that the gradients must take."""


class WholeGradients(Rule):
    """FSDP keeps unsharded gradients on every GPU while they accumulate.

    ## What it finds

    A run under FSDP over several GPUs with gradient accumulation, where gradients are not reduced after each
    micro batch, and the whole ones take a twentieth or more of the memory.

    ## Why it matters

    FSDP shares out gradients when it reduces them. transformers' Trainer skips that until the last micro
    batch to save messages (`no_sync`), so each GPU keeps the gradients of all weights: 2 bytes a trained
    weight in bfloat16, 4 in float32, however many GPUs there are. In the example 7.6 billion weights are
    14.2 GiB on each of eight GPUs, where 1.8 would do. With `sync_each_batch: true` the sum is the same, and
    each micro batch sends what else only the last one sends.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB x8
    vramlint: 1
    model: Qwen/Qwen2.5-7B
    gradient_accumulation_steps: 4
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 8}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB x8
    vramlint: 1
    model: Qwen/Qwen2.5-7B
    gradient_accumulation_steps: 4
    gradient_checkpointing: full
    parallel: {strategy: fsdp2, data: 8, sync_each_batch: true}
    ```

    ## Fixes

    Gradients are reduced after each micro batch. The training is the same, with more communication.
    """

    code = "VL403"
    name = "whole-gradients"
    severity = "warning"
    summary = "FSDP keeps whole gradients while they accumulate"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Where FSDP defers the reduction, and it costs."""
        job, estimate = context.job, context.estimate
        if job is None or estimate is None or job.parallel.pipeline > 1 or not plan_of(job).accumulates_whole:
            return
        gradients = estimate.component_sizes["gradients"]
        key = context.key("gradient_accumulation_steps") or context.key("parallel.strategy")
        if key is None or gradients < _WORTH * estimate.device_bytes:
            return
        ranks, steps = job.parallel.data, job.gradient_accumulation_steps
        yield self.finding(
            f"{gib(gradients)} GiB of gradients of {count(estimate.trainable_parameters)} weights stay whole "
            f"on each of {ranks} GPUs through {steps} micro batches; reduced after each, "
            f"{gib(gradients / ranks)} GiB would do: {_advice(context, job)}",
            key,
        )

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Reduce after each micro batch."""
        title = "reduce gradients after each micro batch"
        return checked(context, _CHANGES, title, safe=True)


def _advice(context: RuleContext, job: TrainingJob) -> str:
    """What to do: the framework's key for it, where it has one."""
    if context.dialect is not None and context.dialect.edits(context.values, job, _CHANGES):
        return "set sync_each_batch to true"
    return "use fewer accumulation steps"
