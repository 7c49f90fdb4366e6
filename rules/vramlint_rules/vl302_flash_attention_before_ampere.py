"""VL302."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gpu_name, key_text
from vramlint.lint.rule import Rule


class FlashAttentionBeforeAmpere(Rule):
    """FlashAttention-2 on a GPU that its kernels do not support.

    ## What it finds

    A key that asks for FlashAttention 2 or 3 where the declared GPU is NVIDIA's and older than Ampere.

    ## Why it matters

    The package stops in the first forward pass ("FlashAttention only supports Ampere GPUs or newer").
    PyTorch's own SDPA picks a memory-efficient kernel on these GPUs that keeps no scores either, so nothing
    is lost.

    ## Example

    ```yaml
    # vramlint: gpu=V100-32GB
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    precision: {weights: float16}
    attention: flash_attention_2
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=V100-32GB
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    precision: {weights: float16}
    attention: sdpa
    ```
    """

    code = "VL302"
    name = "flash-attention-before-ampere"
    severity = "error"
    summary = "FlashAttention 2 needs Ampere or newer"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Only where the file itself asks for it."""
        job, gpu, key = context.job, context.gpu, context.key("attention")
        if job is None or gpu is None or key is None or gpu.vendor != "nvidia":
            return
        if gpu.supports.get("flash_attention_2") is False and job.attention.startswith("flash_attention"):
            generation = f"is {gpu.architecture}" if gpu.architecture else "is older"
            wanted = f"`{key_text(key)}` asks for FlashAttention, which needs Ampere or newer"
            yield self.finding(f"{wanted}, and {gpu_name(gpu)} {generation}: use sdpa", key)
