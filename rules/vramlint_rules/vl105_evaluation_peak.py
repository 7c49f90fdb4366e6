"""VL105."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint_rules._fixes import checked
from vramlint_rules._moments import MomentRule


class EvaluationPeak(MomentRule):
    """Evaluation needs more memory than the training step: the run fails at its first evaluation.

    ## What it finds

    A run whose evaluation batches are the worst moment, a tenth or more above the training step, where the
    step alone fits the declared GPU, or none is declared.

    ## Why it matters

    The evaluation batch has a key of its own, which transformers' Trainer sets to 8 where nobody does. No
    gradients are kept then, but the logits are: tokens × vocabulary, in 16 bits and again in float32. In the
    example that is 16 × 2,048 × 151,936 numbers, 46.5 GiB with what is beside them, and the step needs 7.6.
    The first evaluation comes after an hour or a day; by then nobody is watching.

    ## Example

    ```yaml
    # vramlint: gpu=RTX-4090
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    method: lora
    adapter: {r: 16}
    micro_batch_size: 1
    gradient_checkpointing: full
    evaluation: {batch: 16}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=RTX-4090
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    method: lora
    adapter: {r: 16}
    micro_batch_size: 1
    gradient_checkpointing: full
    evaluation: {batch: 1}
    ```

    ## Fixes

    The smallest evaluation batch. The training is the same; the evaluation takes longer.
    """

    code = "VL105"
    name = "evaluation-peak"
    severity = "information"
    summary = "evaluation needs more memory than the training step"
    moment = "evaluation"
    fails = "at the first evaluation"
    advice = "use a smaller evaluation batch"

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """One row at a time."""
        return checked(context, {"evaluation.batch": 1}, "evaluate one row at a time", safe=True)
