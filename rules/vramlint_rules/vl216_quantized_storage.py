"""VL216."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class QuantizedStorage(ProblemRule):
    """A 4-bit base is stored in bytes that FSDP does not shard.

    ## What it finds

    TRL's `load_in_4bit: true` under FSDP with `bnb_4bit_quant_storage` at its default, `uint8`.

    ## Why it matters

    FSDP shares out parameters of floating types. bitsandbytes packs two 4-bit weights into a byte and keeps
    the bytes in containers of a dtype that can be chosen; in `uint8` they stay whole on every GPU. For a
    model of 70 billion parameters that is 33 GiB on each of eight GPUs instead of 4.1. In bfloat16 the same
    bits are shared.

    ## Example

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-0.5B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    max_length: 1024
    dtype: bfloat16
    use_peft: true
    lora_target_modules: all-linear
    load_in_4bit: true
    fsdp: full_shard
    ```

    ## Use instead

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-0.5B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    max_length: 1024
    dtype: bfloat16
    use_peft: true
    lora_target_modules: all-linear
    load_in_4bit: true
    bnb_4bit_quant_storage: bfloat16
    fsdp: full_shard
    ```

    ## Fixes

    What the message says is to be written, where there is one such thing and no other error takes its place.
    The run is another one with it, so it is not called safe.
    """

    code = "VL216"
    name = "quantized-storage"
    severity = "warning"
    summary = "a 4-bit base is stored in bytes that FSDP does not shard"
