"""VL407."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule
from vramlint.memory.objectives import objective_of
from vramlint_rules._degrees import size
from vramlint_rules._fixes import checked

_SHARE, _LEAST = 1 / 3, 2**32
"""Of the run's memory, and in bytes: what the logits must take."""


class FullLogits(Rule):
    """The logits of all tokens over a large vocabulary are the largest thing in memory.

    ## What it finds

    A language-model loss over whole logits, where these take a third or more of the run's memory and 4 GiB or
    more, and the file's framework has a loss that never makes them.

    ## Why it matters

    Tokens × vocabulary numbers are made in 16 bits, again in float32 for the loss, and again as gradients: 8
    bytes each at the least. In the example 4 × 2,048 × 151,936 of them are 9.3 GiB, and the weights 0.9. A
    fused loss works on a few thousand tokens at a time and frees them, and the gradient is the same.

    ## Example

    ```yaml
    # vramlint: gpu=RTX-4090
    vramlint: 1
    model: Qwen/Qwen2.5-0.5B
    micro_batch_size: 4
    sequence_length: 2048
    gradient_checkpointing: full
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=RTX-4090
    vramlint: 1
    model: Qwen/Qwen2.5-0.5B
    micro_batch_size: 4
    sequence_length: 2048
    gradient_checkpointing: full
    loss: fused-linear
    ```

    ## Fixes

    The framework's fused loss, where the file can ask for it. The training is the same, to rounding.
    """

    code = "VL407"
    name = "full-logits"
    severity = "information"
    summary = "whole logits over a large vocabulary"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Work the logits out, and compare them with the rest."""
        job, estimate, dialect = context.job, context.estimate, context.dialect
        if job is None or estimate is None or dialect is None or job.loss != "full-logits":
            return
        objective = objective_of(job)
        vocabulary = size(job, "vocab_size", "padded_vocab_size")
        if objective.loss != "language" or vocabulary is None or job.parallel.tensor > 1:
            return
        tokens = job.micro_batch_size * job.sequence_length // job.parallel.context
        logits = 8 * tokens * vocabulary
        key = context.key("micro_batch_size") or context.key("sequence_length") or context.key("model")
        if key is None or logits < max(_LEAST, _SHARE * estimate.device_bytes):
            return
        if not dialect.edits(context.values, job, {"loss": "fused-linear"}):
            return
        yield self.finding(
            f"logits of {tokens:,} tokens × {vocabulary:,} words take {gib(logits)} GiB of "
            f"{gib(estimate.device_bytes)}, in 16 bits, in float32 and as gradients: a fused linear loss "
            "never makes them",
            key,
        )

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """The fused loss."""
        return checked(context, {"loss": "fused-linear"}, "use a fused linear cross-entropy", safe=True)
