"""VL501."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule
from vramlint_rules._saving import schedule

_EACH, _ALL = 20 * 2**30, 256 * 2**30
"""Bytes of a checkpoint where nothing says how many there will be, and of all where something does."""


class CheckpointPile(Rule):
    """The checkpoints of the run pile up on the disk.

    ## What it finds

    A run whose checkpoints take 256 GiB or more together; or one that keeps every checkpoint, each of 20 GiB
    or more, and does not say how many steps it has.

    ## Why it matters

    A checkpoint to resume from holds the weights and the optimizer's states: for full fine-tuning in bfloat16
    with AdamW 2 + 4 bytes a weight. In the example 7.6 billion weights are 42.6 GiB a checkpoint, and 2,000
    steps with one every 100 make 20 of them, 851 GiB. transformers keeps all unless `save_total_limit` is
    set; Axolotl keeps 4. A full disk ends a run as surely as a full GPU, and later.

    ## Example

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-7B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    max_length: 1024
    bf16: true
    dtype: bfloat16
    max_steps: 2000
    save_steps: 100
    ```

    ## Use instead

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-7B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    max_length: 1024
    bf16: true
    dtype: bfloat16
    max_steps: 2000
    save_steps: 100
    save_total_limit: 2
    ```
    """

    code = "VL501"
    name = "checkpoint-pile"
    severity = "information"
    summary = "the run's checkpoints pile up on the disk"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Multiply what one weighs by how many are kept."""
        saves = schedule(context)
        if saves is None:
            return
        one = f"a checkpoint is about {gib(saves.each)} GiB, with {gib(saves.weights)} of weights in it"
        if saves.kept is None:
            if saves.each >= _EACH:
                yield self.finding(
                    f"{one}, and one is kept {saves.every}, however many there are: set save_total_limit",
                    saves.key,
                )
        elif saves.kept > 1 and saves.kept * saves.each >= _ALL:
            number = f"{saves.kept} are kept ({saves.every})"
            advice = "set save_total_limit" if saves.limit is None else "keep fewer"
            if saves.each > saves.weights:
                advice += ", or save_only_model: true if the run is never resumed"
            yield self.finding(
                f"{one}, and {number}: {gib(saves.kept * saves.each)} GiB; {advice}", saves.key
            )
