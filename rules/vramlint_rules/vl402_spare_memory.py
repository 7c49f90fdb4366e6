"""VL402."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.dialects.kit.dialect import Changes
from vramlint.job import TrainingJob
from vramlint.lint.context import RuleContext
from vramlint.lint.editing import edits_of_changes
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import gib, gpu_name
from vramlint.lint.rule import Rule
from vramlint.memory import Estimate

_USED = 0.35
"""Share of the GPU above which nothing is said."""
_MOST_STEPS = 64
"""Accumulation steps beyond which no smaller number is looked for."""


class SpareMemory(Rule):
    """Gradients are accumulated over micro batches although a larger micro batch fits easily.

    ## What it finds

    Accumulation on a GPU that stays two thirds empty, where a micro batch at least twice as large fits and
    trains the same batch in fewer, larger steps.

    ## Why it matters

    Accumulation exists to save activations. Where there is room for them it only costs time: small batches
    keep a GPU waiting. The product of micro batch and accumulation, which is what the optimizer sees, stays
    the same.

    Many runs that are as their authors want them leave memory free, so the rule is asked for by name:
    `--select VL402`, or `severity = {spare-memory = "hint"}` in the settings.

    ## Example

    ```yaml
    # vramlint: gpu=H100-80GB
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    micro_batch_size: 1
    gradient_accumulation_steps: 16
    sequence_length: 1024
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=H100-80GB
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    micro_batch_size: 16
    gradient_accumulation_steps: 1
    sequence_length: 1024
    ```

    ## Fixes

    The larger micro batch, checked to fit. Padding and the order of sums change a little, so it is not called
    safe.
    """

    code = "VL402"
    name = "spare-memory"
    severity = "hint"
    summary = "a larger micro batch fits in place of accumulation"
    needs_verdict = True
    opt_in = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Speak where both keys are written and the GPU stays two thirds empty."""
        job, estimate, gpu = context.job, context.estimate, context.gpu
        key = context.key("gradient_accumulation_steps")
        if job is None or estimate is None or gpu is None or key is None or context.verdict != "fits":
            return
        if context.key("micro_batch_size") is None or estimate.high_bytes > _USED * gpu.usable_bytes:
            return
        larger = _larger(job, estimate, gpu.usable_bytes)
        if larger is None:
            return
        used = f"{gib(estimate.device_bytes)} of {gib(gpu.usable_bytes)} GiB of {gpu_name(gpu)} are used"
        micro = f"{context.called('micro_batch_size')} {larger['micro_batch_size']}"
        fewer = larger["gradient_accumulation_steps"]
        steps = f"{fewer} accumulation steps" if fewer > 1 else "no accumulation"
        yield self.finding(f"{used}: {micro} with {steps} fits too", key)

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """The larger micro batch, checked to fit."""
        job, capacity, estimate = context.job, context.capacity, context.estimate
        changes = _larger(job, estimate, capacity) if job and estimate and capacity else None
        edits = edits_of_changes(context, changes) if changes else None
        after = context.recheck(edits) if edits else None
        if not changes or not edits or after is None or after.estimate is None or estimate is None:
            return
        if after.verdict != "fits":
            return
        sizes = f"{gib(estimate.device_bytes)} → {gib(after.estimate.device_bytes)} GiB"
        title = (
            f"micro batch {changes['micro_batch_size']} with "
            f"{changes['gradient_accumulation_steps']} accumulation steps: {sizes}, fits"
        )
        yield Fix(title, edits, False, after.estimate.device_bytes, after.verdict)


def _larger(job: TrainingJob, estimate: Estimate, capacity: int) -> Changes | None:
    """The largest micro batch that fits for certain, with the same batch in all; None where none is larger.

    Activations grow at most in proportion to the batch, and what the allocator wastes on them too.
    """
    steps = job.gradient_accumulation_steps
    grows = estimate.component_sizes["activations"] + estimate.components["overhead"]
    for fewer in (divisor for divisor in range(1, min(steps // 2, _MOST_STEPS) + 1) if steps % divisor == 0):
        times = steps // fewer
        most = estimate.device_bytes + (times - 1) * grows
        if most * (1 + estimate.error_band) <= capacity:
            return {
                "micro_batch_size": job.micro_batch_size * times,
                "gradient_accumulation_steps": fewer,
            }
    return None
