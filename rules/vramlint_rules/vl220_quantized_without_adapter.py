"""VL220."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class QuantizedWithoutAdapter(ProblemRule):
    """The base is quantized, and no adapter is trained on it.

    ## What it finds

    `load_in_4bit` or `load_in_8bit` (TRL, Axolotl) or `quantization_bit` (LLaMA-Factory) without an
    adapter.

    ## Why it matters

    Quantized weights have no gradient: a step of 1e-5 is lost between 16 levels. The frameworks refuse to
    train them. With an adapter the base stays as it is, 0.5 bytes a weight in 4 bits, and the adapter
    learns. Without one the whole model must be loaded in 16 bits.

    ## Example

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-0.5B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    max_length: 1024
    dtype: bfloat16
    use_peft: false
    load_in_4bit: true
    ```

    ## Use instead

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-0.5B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    max_length: 1024
    dtype: bfloat16
    use_peft: true
    lora_target_modules: all-linear
    load_in_4bit: true
    ```

    ## Fixes

    What the message says is to be written, where there is one such thing and no other error takes its place.
    The run is another one with it, so it is not called safe.
    """

    code = "VL220"
    name = "quantized-without-adapter"
    severity = "error"
    summary = "a quantized base without an adapter"
