"""VL226."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class BestModelSchedule(ProblemRule):
    """The best model cannot be kept: evaluations and checkpoints do not meet.

    ## What it finds

    `load_best_model_at_end` with an `eval_strategy` and a `save_strategy` that differ, or with `save_steps`
    that are not a multiple of `eval_steps`.

    ## Why it matters

    The best checkpoint is the one of the best evaluation, so there must be a checkpoint where there was an
    evaluation. The Trainer refuses to start (transformers 5.23, training_args.py). In the example
    evaluations come at 300, 600, 900 and checkpoints at 500 and 1,000.

    ## Example

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-0.5B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    max_length: 1024
    dtype: bfloat16
    load_best_model_at_end: true
    eval_strategy: steps
    eval_steps: 300
    save_steps: 500
    save_total_limit: 2
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
    load_best_model_at_end: true
    eval_strategy: steps
    eval_steps: 250
    save_steps: 500
    save_total_limit: 2
    ```
    """

    code = "VL226"
    name = "best-model-schedule"
    severity = "error"
    summary = "evaluations and checkpoints do not meet"
