"""VL414."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib, gpu_name
from vramlint.lint.rule import Rule

_USED = 0.45
_OFFERED, _LOOKED_AT = 2, 20


class OversizedGpu(Rule):
    """The GPU has more than twice the memory that the run needs.

    ## What it finds

    A run that needs less than 45 % of the declared GPU, with the smallest GPUs that hold it.

    ## Why it matters

    Memory is most of what a larger GPU costs. A run that needs 9 GiB is paid for as one that needs 80.
    Whether the smaller GPU is fast enough is another matter, so the rule is asked for by name.

    ## Example

    ```yaml
    # vramlint: gpu=H100-80GB
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    sequence_length: 1024
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=RTX-3060-12GB
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    sequence_length: 2048
    ```
    """

    code = "VL414"
    name = "oversized-gpu"
    severity = "hint"
    summary = "the GPU has more than twice the memory that the run needs"
    needs_verdict = True
    opt_in = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Compare the upper end of the band with the GPU."""
        estimate, gpu, declared = context.estimate, context.gpu, context.declared
        if estimate is None or gpu is None or declared is None or context.verdict != "fits":
            return
        if estimate.high_bytes > _USED * gpu.usable_bytes:
            return
        from vramlint.catalog.gpus import smallest_with  # imported late: few runs get here

        enough = smallest_with(estimate.high_bytes, _LOOKED_AT)
        smaller = [
            each.name for each in enough if each.usable_bytes < gpu.usable_bytes and each.worth_proposing
        ]
        if not smaller:
            return
        used = f"{gib(estimate.device_bytes)} of {gib(gpu.usable_bytes)} GiB of {gpu_name(gpu)} are used"
        yield self.finding(
            f"{used}: {' or '.join(smaller[:_OFFERED])} would hold it too",
            declared.key or (),
            part="value" if declared.key else "file",
            span=declared.span,
        )
