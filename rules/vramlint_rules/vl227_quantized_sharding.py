"""VL227."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class QuantizedSharding(ProblemRule):
    """The quantized base cannot be sharded in this way.

    ## What it finds

    LLaMA-Factory under ZeRO-3 or FSDP with a base that is not in bitsandbytes' 4 bits; Axolotl's FSDP 2
    with a quantized base and efficient loading, or with a preference method.

    ## Why it matters

    8-bit weights carry scales that no engine shards, and a 4-bit base that one rank quantizes cannot be
    handed to the others. The frameworks refuse, or hang.

    ## Example

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-0.5B
    stage: sft
    do_train: true
    finetuning_type: lora
    lora_target: all
    quantization_bit: 8
    dataset: alpaca_en_demo
    template: qwen
    cutoff_len: 1024
    output_dir: saves/qwen
    per_device_train_batch_size: 1
    bf16: true
    fsdp: full_shard
    ```

    ## Use instead

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-0.5B
    stage: sft
    do_train: true
    finetuning_type: lora
    lora_target: all
    quantization_bit: 4
    dataset: alpaca_en_demo
    template: qwen
    cutoff_len: 1024
    output_dir: saves/qwen
    per_device_train_batch_size: 1
    bf16: true
    fsdp: full_shard
    ```
    """

    code = "VL227"
    name = "quantized-sharding"
    severity = "error"
    summary = "the quantized base cannot be sharded in this way"
