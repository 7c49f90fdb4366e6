"""VL204."""

from __future__ import annotations

from vramlint_rules._problems import ProblemRule


class CheckpointingTwice(ProblemRule):
    """Activation checkpointing is switched on in two places.

    ## What it finds

    Checkpointing asked of transformers' trainer (`gradient_checkpointing`) and of its sharding engine
    (`activation_checkpointing` of `fsdp_config`) at once.

    ## Why it matters

    Each layer would be wrapped twice: a third forward pass in backward, one more gathering of the parameters,
    and nothing saved. The trainer refuses to start.

    ## Example

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-1.5B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    fsdp: full_shard
    fsdp_config:
      activation_checkpointing: true
    ```

    ## Use instead

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-1.5B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    gradient_checkpointing: false
    fsdp: full_shard
    fsdp_config:
      activation_checkpointing: true
    ```

    ## Fixes

    What the message says is to be written, where there is one such thing and no other error takes its place.
    The run is another one with it, so it is not called safe.
    """

    code = "VL204"
    name = "checkpointing-twice"
    severity = "error"
    summary = "checkpointing is switched on in two places"
