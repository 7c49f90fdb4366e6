"""VL904."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.document.node import KeyPath
from vramlint.job import Assumed
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.rule import Rule


class MissingCompanion(Rule):
    """A file that the config names is not in the workspace.

    ## What it finds

    A DeepSpeed, FSDP or accelerate file that is named here and found neither beside this file, nor from the
    workspace's root, nor by its name anywhere in the workspace. Nothing outside the workspace is read unless
    the settings say `companions-outside-workspace = true`.

    ## Why it matters

    The estimate is made without it: sharding and offloading that it asks for are not counted. Of a file that
    comes with the framework, as Axolotl's `deepspeed_configs/zero3.json` does, that one is taken.

    ## Example

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    attn_implementation: flash_attention_2
    deepspeed: nowhere/acme.json
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 1024
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    ```

    ## Use instead

    ```yaml
    base_model: NousResearch/Llama-3.2-1B
    attn_implementation: flash_attention_2
    micro_batch_size: 1
    gradient_accumulation_steps: 8
    sequence_len: 1024
    datasets:
      - {path: tatsu-lab/alpaca, type: alpaca}
    ```
    """

    code = "VL904"
    name = "missing-companion"
    severity = "information"
    summary = "a file named here is not in the workspace"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Pass on what the dialect could not open."""
        for key, name in context.reading.missing_companions if context.reading else ():
            yield self.finding(f"'{name}' is not in the workspace: {_effect(context, key)}", key)


def _effect(context: RuleContext, key: KeyPath) -> str:
    """What is taken in its place."""
    if context.estimate is None or context.job is None or context.dialect is None:
        return "there is no estimate"
    origin = context.job.origin("parallel.strategy")
    if isinstance(origin, Assumed) and "by its name" in origin.reason:
        return f"taken as {origin.reason.rpartition('; ')[2]}"
    if context.key("parallel.strategy") == key:
        return f"the one that comes with {context.dialect.title} is taken"
    return "the estimate is made without it"
