"""VL904."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from vramlint.document.node import KeyPath
from vramlint.job import Assumed, Written
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Part
from vramlint.lint.rule import Rule

_UNOPENED = "cannot be opened here"
"""Part of the reason of a strategy that is assumed for want of the file."""


class MissingCompanion(Rule):
    """A file that the config names is not in the workspace, or cannot be read.

    ## What it finds

    A DeepSpeed, FSDP or accelerate file that is named here and found neither beside this file, nor from the
    workspace's root, nor by its name anywhere in the workspace. Nothing outside the workspace is read unless
    the settings say `companions-outside-workspace = true`. One that is there and that no parser takes is an
    error: the run ends where it starts.

    ## Why it matters

    The estimate is made without it: sharding and offloading that it asks for are not counted. Of a file that
    comes with the framework, as Axolotl's `deepspeed_configs/zero3.json` does, that one is taken. Where
    nothing tells what the file asks for, `vramlint check --require-verdict` fails.

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
        if context.reading is None:
            return
        missing = context.reading.missing_companions
        for key, name in missing:
            if name not in context.faults and not (context.cannot and context.cannot.key == key):
                effect, known = _effect(context, key)
                message = f"'{name}' is not in the workspace: {effect}"
                yield self.finding(message, key, no_verdict=not known)
        sought = {name: key for key, name in missing}
        read = {PurePath(path).name for path in context.reading.companions}
        for name, why in context.faults.items():
            if name not in sought and PurePath(name).name not in read:
                continue  # looked at in passing
            key = sought.get(name) or _key_of(context.values, name)
            effect, _ = _effect(context, key)
            message = f"'{name}' cannot be read: {why}; {effect}"
            part: Part = "value" if key else "file"
            yield self.finding(message, key, part=part, severity="error")


def _effect(context: RuleContext, key: KeyPath) -> tuple[str, bool]:
    """What is taken in its place, and whether that is known, as a file is that comes with the framework."""
    if context.estimate is None or context.job is None or context.dialect is None:
        return "there is no estimate", False
    origin = context.job.origin("parallel.strategy")
    if isinstance(origin, Assumed) and _UNOPENED in origin.reason:
        taken = origin.reason.rpartition("; ")[2]
        return taken if taken.startswith("taken") else f"taken as {taken}", False
    if isinstance(origin, Written) and origin.key == key:
        return f"the one that comes with {context.dialect.title} is taken", True
    return "the estimate is made without it", False


def _key_of(values: Any, name: str) -> KeyPath:
    """The first key of the top two levels that names a file; none in a script."""
    for key, value in values.items() if isinstance(values, Mapping) else ():
        if value == name:
            return (key,)
        for inner, deeper in value.items() if isinstance(value, Mapping) else ():
            if deeper == name:
                return (key, inner)
    return ()
