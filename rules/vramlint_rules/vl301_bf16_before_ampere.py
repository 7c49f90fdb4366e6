"""VL301."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gpu_name, key_text
from vramlint.lint.rule import Rule

_FIELDS = ("precision.autocast", "precision.weights", "quantization.compute")


class Bf16BeforeAmpere(Rule):
    """bfloat16 on a GPU that cannot compute in it.

    ## What it finds

    A key that asks for bfloat16 where the declared GPU has no bfloat16 units: NVIDIA before Ampere (V100, T4,
    RTX 20, GTX).

    ## Why it matters

    Older releases of torch refuse it; newer ones emulate it, many times slower than float16 on the same GPU,
    so the memory is right and the run does not end. float16 takes the same 2 bytes and has units there.

    ## Example

    ```yaml
    # vramlint: gpu=T4
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    precision: {weights: bfloat16}
    gradient_checkpointing: full
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=T4
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    precision: {weights: float16}
    gradient_checkpointing: full
    ```
    """

    code = "VL301"
    name = "bf16-before-ampere"
    severity = "warning"
    summary = "the GPU has no bfloat16 units"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Only for a bfloat16 that the file itself asks for; "auto" lets the framework choose."""
        job, gpu = context.job, context.gpu
        if job is None or gpu is None or gpu.supports.get("bf16") is not False:
            return
        asked = {
            "precision.autocast": job.precision.autocast,
            "precision.weights": job.precision.weights,
            "quantization.compute": job.quantization.compute if job.quantization else "none",
        }
        seen = set()
        for field in _FIELDS:
            key = context.key(field)
            node = context.document.node(key) if key else None
            if key is None or node is None or key in seen or asked[field] != "bfloat16":
                continue
            seen.add(key)
            if str(node.resolved().value).lower() in ("auto", "none", "false"):
                continue
            generation = f" ({gpu.architecture})" if gpu.architecture else ""
            named = f"{gpu_name(gpu)}{generation}"
            message = f"`{key_text(key)}` asks for bfloat16, and {named} has no units for it: use float16"
            yield self.finding(message, key)
