"""VL102."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.explain.verdict import needs
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule
from vramlint_rules._fit import blame, or_expandable


class TightFit(Rule):
    """The run may or may not fit: the limit is inside the estimate's error band.

    ## What it finds

    A training step whose estimate is so near to what the GPU can give that neither "fits" nor "does not fit"
    can be promised.

    ## Why it matters

    A longer batch, another process on the GPU or fragmentation decides whether the run survives, and it may
    do so hours after the start. In the example a model of 1.5 B parameters in bf16 needs 22.8 GiB of an RTX
    4090, which can give 23.5: within an error of a few percent, so nobody can promise that it fits.

    ## Example

    ```yaml
    # vramlint: gpu=RTX-4090
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    micro_batch_size: 5
    sequence_length: 1280
    gradient_checkpointing: full
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=RTX-4090
    vramlint: 1
    model: Qwen/Qwen2.5-1.5B
    micro_batch_size: 1
    gradient_accumulation_steps: 5
    sequence_length: 1280
    gradient_checkpointing: full
    ```

    ## Fixes

    Those of VL101, checked to fit with the whole band. Only those that train the same are called safe.
    """

    code = "VL102"
    name = "tight-fit"
    severity = "warning"
    summary = "the limit is inside the estimate's error band"
    needs_verdict = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Say how far the band reaches over the limit."""
        job, estimate, gpu = context.job, context.estimate, context.gpu
        if job is None or estimate is None or gpu is None or context.verdict != "tight":
            return
        why = blame(context, job, estimate, gpu.usable_bytes)
        band = f"± {estimate.error_band:.0%} reaches {gib(estimate.high_bytes)}"
        message = f"may not fit: {needs(estimate, gpu)} and {band}; {why.reason}{or_expandable(estimate)}"
        yield self.finding(message, why.key, related=why.related)

    def fixes(self, context: RuleContext, finding: Finding) -> Iterator[Fix]:
        """Changes that were checked to fit with the whole band."""
        from vramlint.lint.fit_fixes import checked_fixes  # imported late: only fixes need it

        return checked_fixes(context)
