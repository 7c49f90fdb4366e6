"""VL306."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gpu_name, key_text
from vramlint.lint.rule import Rule
from vramlint_rules._when import flash_attention

_HOPPER = 9


class FlashAttention4Hardware(Rule):
    """FlashAttention-4 on a GPU older than Hopper.

    ## What it finds

    A key that asks for FlashAttention 4 where the declared GPU has a compute capability below 9.0.

    ## Why it matters

    transformers refuses it before the model is loaded: "FlashAttention4 requires compute capability >= 9"
    (5.23, modeling_flash_attention_utils.py, `cuda_min_major_version`). FlashAttention 2 keeps the same
    activations on these GPUs.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB
    base_model: NousResearch/Llama-3.2-1B
    adapter: lora
    lora_r: 16
    lora_alpha: 32
    lora_target_linear: true
    attn_implementation: flash_attention_4
    bf16: true
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 1024
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB
    base_model: NousResearch/Llama-3.2-1B
    adapter: lora
    lora_r: 16
    lora_alpha: 32
    lora_target_linear: true
    attn_implementation: flash_attention_2
    bf16: true
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 1024
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    ```
    """

    code = "VL306"
    name = "flash-attention-4-hardware"
    severity = "error"
    summary = "FlashAttention 4 needs Hopper or newer"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Only where the file itself asks for it."""
        gpu, key = context.gpu, context.key("attention")
        if gpu is None or key is None or not flash_attention(4)(context):
            return
        if gpu.generation is None or gpu.generation >= _HOPPER:
            return
        yield self.finding(
            f"`{key_text(key)}` asks for FlashAttention 4, which needs Hopper or newer, and {gpu_name(gpu)} "
            f"is {gpu.architecture}: use flash_attention_2",
            key,
        )
