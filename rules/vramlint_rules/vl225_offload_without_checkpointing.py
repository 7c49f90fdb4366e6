"""VL225."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class OffloadWithoutCheckpointing(ProblemRule):
    """Activations are to be offloaded, and there are no checkpoints of them.

    ## What it finds

    Activation offloading in Axolotl, torchtune or accelerate's FSDP options without activation
    checkpointing.

    ## Why it matters

    Offloading moves what checkpointing keeps, one tensor a layer. Without checkpointing every intermediate
    tensor of every layer would have to cross PCIe twice a step, tens of them for one. The frameworks refuse
    it.

    ## Example

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    attn_implementation: flash_attention_2
    bf16: true
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 1024
    gradient_checkpointing: false
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    adapter: lora
    lora_r: 16
    lora_alpha: 32
    lora_target_linear: true
    activation_offloading: true
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
    activation_offloading: true
    ```

    ## Fixes

    What the message says is to be written, where there is one such thing and no other error takes its place.
    The run is another one with it, so it is not called safe.
    """

    code = "VL225"
    name = "offload-without-checkpointing"
    severity = "error"
    summary = "activations are offloaded without checkpointing"
