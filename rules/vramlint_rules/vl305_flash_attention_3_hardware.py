"""VL305."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gpu_name, key_text
from vramlint.lint.rule import Rule
from vramlint_rules._when import flash_attention

_BLACKWELL = 10


class FlashAttention3Hardware(Rule):
    """FlashAttention-3 on a GPU newer than the one that its kernels are built for.

    ## What it finds

    A key that asks for FlashAttention 3 where the declared GPU is a Blackwell. GPUs older than Ampere are
    VL302's.

    ## Why it matters

    FlashAttention-3 is built for Hopper's own instructions (`sm_90a`), which code for other generations does
    not have (flash-attention, hopper/setup.py). The package loads and the first forward pass stops.
    FlashAttention 2, SDPA and FlashAttention 4 keep the same activations, none of them any scores.

    ## Example

    ```yaml
    # vramlint: gpu=RTX-5090
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    attention: flash_attention_3
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=RTX-5090
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    attention: flash_attention_2
    ```
    """

    code = "VL305"
    name = "flash-attention-3-hardware"
    severity = "warning"
    summary = "FlashAttention 3 is built for Hopper"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Only where the file itself asks for it."""
        gpu, key = context.gpu, context.key("attention")
        if gpu is None or key is None or not flash_attention(3)(context):
            return
        if gpu.generation is None or gpu.generation < _BLACKWELL:
            return
        yield self.finding(
            f"`{key_text(key)}` asks for FlashAttention 3, whose kernels are built for Hopper, and "
            f"{gpu_name(gpu)} is {gpu.architecture}: use flash_attention_2 or sdpa",
            key,
        )
