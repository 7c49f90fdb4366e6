"""VL223."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class ContextParallelRefused(ProblemRule):
    """Context parallelism with something that cannot be split along the sequence.

    ## What it finds

    Context or sequence parallelism in Axolotl without FlashAttention 2, or with packed rows in batches
    above 1; in TRL with packing, or with GRPO.

    ## Why it matters

    Each GPU holds a piece of every row, and attention passes keys and values around. Only some kernels can:
    Axolotl's ring attention is built on FlashAttention 2, and PyTorch's drops the mask that keeps packed
    samples apart. The frameworks refuse the others at the start, after the machine was rented for the
    length that was to be split.

    ## Example

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    attn_implementation: sdpa
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
    context_parallel_size: 2
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
    context_parallel_size: 2
    ```

    ## Fixes

    What the message says is to be written, where there is one such thing and no other error takes its place.
    The run is another one with it, so it is not called safe.
    """

    code = "VL223"
    name = "context-parallel-refused"
    severity = "error"
    summary = "context parallelism with what cannot be split"
