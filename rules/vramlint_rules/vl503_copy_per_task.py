"""VL503."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule

_RANK = 16
_WORTH = 4 * 2**30


class CopyPerTask(Rule):
    """Every task that is trained leaves a whole model on the disk.

    ## What it finds

    Full fine-tuning of a model whose weights are 4 GiB or more in 16 bits.

    ## Why it matters

    A full fine-tune is a model of its own: 2 bytes for each weight, 14.2 GiB for the example's 7.6 billion,
    and each further task as much again, on the disk and in the memory of whatever serves them. An adapter of
    rank 16 over all linear layers is 77 MiB, and one base serves them all. Which of the two learns the task
    is another matter, so the rule is asked for by name.

    ## Example

    ```yaml
    # vramlint: gpu=H200
    vramlint: 1
    model: Qwen/Qwen2.5-7B
    gradient_checkpointing: full
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=H200
    vramlint: 1
    model: Qwen/Qwen2.5-7B
    method: lora
    adapter: {r: 16}
    gradient_checkpointing: full
    ```
    """

    code = "VL503"
    name = "copy-per-task"
    severity = "hint"
    summary = "every task leaves a whole model on the disk"
    opt_in = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Compare the saved model with an adapter over all of its linear layers."""
        job, estimate = context.job, context.estimate
        key = context.key("method") or context.key("model")
        if job is None or estimate is None or key is None or job.method != "full":
            return
        whole = estimate.checkpoint_bytes["weights"]
        linear = job.model.linear_modules
        if whole < _WORTH or not linear or job.objective == "pretrain":
            return
        adapter = 2 * _RANK * sum(each.count * (each.in_features + each.out_features) for each in linear)
        yield self.finding(
            f"each task leaves {gib(whole)} GiB on the disk; a LoRA adapter of rank {_RANK} would be "
            f"{gib(adapter)} GiB, and adapters share one base",
            key,
        )
