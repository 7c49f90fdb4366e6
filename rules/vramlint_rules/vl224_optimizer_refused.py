"""VL224."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class OptimizerRefused(ProblemRule):
    """The optimizer cannot step what the engine or the method leaves it.

    ## What it finds

    8-bit optimizers of bitsandbytes under FSDP 2, FSDP 1 with offloading, or tensor parallelism; Muon under
    DeepSpeed or FSDP 1; GaLore, APOLLO and BAdam over an adapter or under DeepSpeed.

    ## Why it matters

    bitsandbytes' kernels take plain CUDA tensors, which FSDP 2's shards are not; nor can they step weights on
    the host. Optimizers that cut a matrix to a low rank need all of it. torchao's 8-bit
    AdamW keeps the same 2 bytes a weight and steps shards.

    ## Example

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
    fsdp_version: 2
    fsdp_config:
      offload_params: false
      auto_wrap_policy: TRANSFORMER_BASED_WRAP
      transformer_layer_cls_to_wrap: LlamaDecoderLayer
    optimizer: adamw_8bit
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
    fsdp_version: 2
    fsdp_config:
      offload_params: false
      auto_wrap_policy: TRANSFORMER_BASED_WRAP
      transformer_layer_cls_to_wrap: LlamaDecoderLayer
    optimizer: adamw_torch_8bit
    ```

    ## Fixes

    What the message says is to be written, where there is one such thing and no other error takes its place.
    The run is another one with it, so it is not called safe.
    """

    code = "VL224"
    name = "optimizer-refused"
    severity = "error"
    summary = "the optimizer cannot step what it is left"
