"""VL303."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gpu_name, key_text
from vramlint.lint.rule import Rule


class Fp8Hardware(Rule):
    """FP8 training on a GPU without FP8 units.

    ## What it finds

    A key that turns FP8 linears on where the declared GPU has none: NVIDIA before Ada (compute capability
    8.9).

    ## Why it matters

    torchao and Transformer Engine both refuse to start there.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    precision: {fp8: tensorwise}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=H100-80GB
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    precision: {fp8: tensorwise}
    ```
    """

    code = "VL303"
    name = "fp8-hardware"
    severity = "error"
    summary = "the GPU has no FP8 units"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Only where the file itself asks for it."""
        job, gpu, key = context.job, context.gpu, context.key("precision.fp8")
        if job is None or gpu is None or key is None or job.precision.fp8 == "none":
            return
        if gpu.supports.get("fp8") is False:
            needed = "needs Ada or Hopper or newer" if gpu.vendor == "nvidia" else "needs hardware for it"
            yield self.finding(
                f"`{key_text(key)}` trains in FP8, which {needed}; {gpu_name(gpu)} has none", key
            )
