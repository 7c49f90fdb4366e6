"""VL219."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class TwoPrecisions(ProblemRule):
    """float16 and bfloat16 are asked for at once.

    ## What it finds

    `fp16` and `bf16` both on, in a file of transformers' Trainer or of DeepSpeed; the same of both full
    evaluations.

    ## Why it matters

    Both are 16-bit formats with 2 bytes a number, and a run computes in one of them. The Trainer refuses to
    start
    (transformers 5.23, training_args.py), and so does DeepSpeed.

    ## Example

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-0.5B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    max_length: 1024
    dtype: bfloat16
    fp16: true
    bf16: true
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
    bf16: true
    ```
    """

    code = "VL219"
    name = "two-precisions"
    severity = "error"
    summary = "float16 and bfloat16 are asked for at once"
