"""VL217."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class PackingNotIsolated(ProblemRule):
    """Packed samples see each other.

    ## What it finds

    Axolotl's `sample_packing: true` without a key that chooses the attention, or with one that does not
    keep packed samples apart.

    ## Why it matters

    A packed row holds several samples. Attention over the whole row mixes them, and scores between samples
    that have nothing to do with each other cost as much as any. Axolotl warns and goes on (0.19,
    schemas/validation.py, check_sample_packing_without_attention). FlashAttention takes the samples'
    lengths and computes none of these scores: of a row of 4,096 tokens with 8 samples of one length, an
    eighth are left.

    ## Example

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    bf16: true
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 1024
    gradient_checkpointing: true
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    adapter: lora
    lora_r: 16
    lora_alpha: 32
    lora_target_linear: true
    sample_packing: true
    ```

    ## Use instead

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    attn_implementation: flash_attention_2
    bf16: true
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 1024
    gradient_checkpointing: true
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    adapter: lora
    lora_r: 16
    lora_alpha: 32
    lora_target_linear: true
    sample_packing: true
    ```

    ## Fixes

    What the message says is to be written, where there is one such thing and no other error takes its place.
    The run is another one with it, so it is not called safe.
    """

    code = "VL217"
    name = "packing-not-isolated"
    severity = "warning"
    summary = "packed samples see each other"
