"""VL221."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class TwoEngines(ProblemRule):
    """DeepSpeed and FSDP are asked for at once.

    ## What it finds

    `deepspeed` and `fsdp` or `fsdp_config` in one file.

    ## Why it matters

    Both share the same weights, gradients and states over the same GPUs, each in its own way. The
    frameworks refuse to start with both; which of the two plans the memory was made for, nobody can tell.

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
    adapter: lora
    lora_r: 16
    lora_alpha: 32
    lora_target_linear: true
    deepspeed: deepspeed_configs/zero2.json
    fsdp_version: 2
    fsdp_config:
      offload_params: false
      auto_wrap_policy: TRANSFORMER_BASED_WRAP
      transformer_layer_cls_to_wrap: LlamaDecoderLayer
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
    fsdp_version: 2
    fsdp_config:
      offload_params: false
      auto_wrap_policy: TRANSFORMER_BASED_WRAP
      transformer_layer_cls_to_wrap: LlamaDecoderLayer
    ```
    """

    code = "VL221"
    name = "two-engines"
    severity = "error"
    summary = "DeepSpeed and FSDP are asked for at once"
