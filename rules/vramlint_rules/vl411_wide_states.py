"""VL411."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.catalog.optimizers import optimizer_named, smaller_optimizer
from vramlint.job import TrainingJob
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import count, gib
from vramlint.lint.rule import Rule
from vramlint_rules._fixes import checked

_SHARE = 0.25


class WideStates(Rule):
    """Optimizer states that could be in 8 bits take a quarter of the memory.

    ## What it finds

    An optimizer of which there is one with 8-bit states, where the states are a quarter or more of the run's
    memory.

    ## Why it matters

    AdamW keeps two moments for each trained weight, 2 or 4 bytes each. In 8 bits with one scale for 256 of
    them they are 2.03 bytes a weight together. In the example 1.5 billion weights keep 5.7 GiB of states, and
    8-bit ones 4.2, since the Trainer keeps those of the embeddings in 32 bits. The rounding is another one,
    so the training is not quite the same; that is why the rule is asked for by name.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    sequence_length: 1024
    gradient_checkpointing: full
    loss: fused-linear
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    sequence_length: 1024
    gradient_checkpointing: full
    loss: fused-linear
    optimizer: adamw_8bit
    ```

    ## Fixes

    The optimizer with 8-bit states. It changes the training a little, so it is not called safe.
    """

    code = "VL411"
    name = "wide-states"
    severity = "hint"
    summary = "optimizer states that could be in 8 bits"
    opt_in = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Where states are much of the sum, and there is a smaller optimizer."""
        job, estimate = context.job, context.estimate
        if job is None or estimate is None:
            return
        row, smaller = optimizer_named(job.optimizer), _smaller(job)
        states = estimate.component_sizes["optimizer_states"]
        key = context.key("optimizer") or context.key("method") or context.key("model")
        if (
            row is None
            or row.paged
            or smaller is None
            or key is None
            or states < _SHARE * estimate.device_bytes
        ):
            return
        trained = count(estimate.trainable_parameters)
        yield self.finding(
            f"{job.optimizer} keeps {gib(states)} GiB of states for {trained} trained parameters, of "
            f"{gib(estimate.device_bytes)} in all: {smaller} keeps them in 8 bits",
            key,
        )

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """The same optimizer with 8-bit states."""
        smaller = _smaller(context.job) if context.job else None
        if smaller is not None:
            yield from checked(context, {"optimizer": smaller}, f"use {smaller}", safe=False)


def _smaller(job: TrainingJob) -> str | None:
    return smaller_optimizer(job.optimizer, dtensors=job.parallel.strategy == "fsdp2")
