"""VL502."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule
from vramlint_rules._saving import schedule

_WORTH = 10 * 2**30


class ResumeStates(Rule):
    """Most of each checkpoint are optimizer states, which only resuming needs.

    ## What it finds

    Checkpoints with 10 GiB or more of optimizer states, where these are more than the weights.

    ## Why it matters

    AdamW's moments are 4 bytes a weight in bfloat16 and 8 in float32, beside 2 of the weight itself. Each
    checkpoint writes them again, and the training waits meanwhile. In the example 28.4 of 42.6 GiB are
    states. A run that is started over when it fails does not need them; one that is resumed does, so the rule
    is asked for by name.

    ## Example

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-7B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    bf16: true
    dtype: bfloat16
    save_total_limit: 2
    ```

    ## Use instead

    ```yaml
    model_name_or_path: Qwen/Qwen2.5-7B
    dataset_name: trl-lib/Capybara
    output_dir: ./outputs
    per_device_train_batch_size: 1
    gradient_checkpointing: true
    bf16: true
    dtype: bfloat16
    save_total_limit: 2
    save_only_model: true
    ```
    """

    code = "VL502"
    name = "resume-states"
    severity = "hint"
    summary = "most of each checkpoint are optimizer states"
    opt_in = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Compare the states with the weights."""
        saves = schedule(context)
        if saves is None:
            return
        states = saves.each - saves.weights
        if states >= max(_WORTH, saves.weights):
            yield self.finding(
                f"{gib(states)} of about {gib(saves.each)} GiB of each checkpoint are optimizer states, "
                "which only resuming needs: save_only_model: true leaves them out",
                saves.key,
            )
