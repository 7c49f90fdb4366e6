"""VL109."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.catalog.optimizers import optimizer_named
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule
from vramlint_rules._fixes import checked

_WORTH = 1.05
_WORDS = {
    "torchtune": "write fused: true",
    "litgpt": "write fused: true below init_args",
    "verl": "write fused: true below override_optimizer_config",
}
"""How the fused kernel is asked for where it has no name of its own."""
_COPIES, _FUSED = "adamw_torch", "adamw_torch_fused"


class OptimizerPeak(Rule):
    """The optimizer's step needs more memory than forward and backward: its copies decide.

    ## What it finds

    `adamw_torch`, whose step is the worst moment of the run, a twentieth or more above the backward pass.

    ## Why it matters

    torch's AdamW steps all weights at once ("foreach"), and its square roots are a temporary copy as large as
    the trained weights. Gradients and states are all there at that moment too. The fused kernel computes the
    same update in registers and allocates nothing. In the example 1.5 billion weights make the step 15.1 GiB
    where the backward pass takes 12.7. Since states are made in the first step, a run can get through its
    first backward pass and fail after it.

    ## Example

    ```yaml
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    sequence_length: 1024
    optimizer: adamw_torch
    gradient_checkpointing: full
    ```

    ## Use instead

    ```yaml
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    sequence_length: 1024
    optimizer: adamw_torch_fused
    gradient_checkpointing: full
    ```

    ## Fixes

    The fused kernel. It trains the same, to rounding.
    """

    code = "VL109"
    name = "optimizer-peak"
    severity = "information"
    summary = "the optimizer's step needs more memory than backward"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Where the step is the worst moment, and a kernel of the same optimizer allocates nothing."""
        job, estimate = context.job, context.estimate
        if job is None or estimate is None or estimate.worst.name != "optimizer":
            return
        row = optimizer_named(job.optimizer)
        backward = next((each for each in estimate.counted if each.name == "backward"), None)
        if row is None or row.step != "foreach" or job.optimizer != _COPIES or backward is None:
            return
        if estimate.worst.device_bytes < _WORTH * backward.device_bytes:
            return
        key = context.key("optimizer") or context.key("model")
        if key is not None and context.dialect is not None:
            use = _WORDS.get(context.dialect.name, f"use {_FUSED}")
            sizes = f"{gib(estimate.device_bytes)} GiB, and backward {gib(backward.device_bytes)}"
            message = f"the step of {job.optimizer} copies all trained weights once: {sizes}; {use}"
            yield self.finding(message, key)

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """The fused kernel."""
        return checked(context, {"optimizer": _FUSED}, f"use {_FUSED}", safe=True)
