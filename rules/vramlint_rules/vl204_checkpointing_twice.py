"""VL204."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import At, Finding, Related
from vramlint.lint.rule import Rule

_TRAINER = ("gradient_checkpointing", "activation_checkpointing")
_ENGINE = ("activation_checkpointing", "fsdp_activation_checkpointing")


class CheckpointingTwice(Rule):
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
    """

    code = "VL204"
    name = "checkpointing-twice"
    severity = "error"
    summary = "checkpointing is switched on in two places"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Both must be written and true in one file of transformers' trainer."""
        if (
            context.dialect is None
            or not context.dialect.training_arguments
            or not isinstance(context.values, Mapping)
        ):
            return
        section = context.values.get("fsdp_config")
        if not isinstance(section, Mapping):
            return
        trainer = next((key for key in _TRAINER if context.values.get(key) is True), None)
        engine = next((key for key in _ENGINE if section.get(key) is True), None)
        if trainer and engine:
            yield self.finding(
                f"`{trainer}` and `fsdp_config.{engine}` are both true, which the trainer refuses: set "
                f"`{trainer}` to false",
                (trainer,),
                related=(Related(At(("fsdp_config", engine)), "checkpoints the same layers"),),
            )
