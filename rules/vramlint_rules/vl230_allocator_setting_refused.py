"""VL230."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vramlint.catalog.nearest import nearest
from vramlint.catalog.releases import together
from vramlint.dialects.kit.environment import allocator_variable
from vramlint.document.edit import TextEdit
from vramlint.document.node import Span
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.format import key_text, shorten
from vramlint.lint.rule import Rule

if TYPE_CHECKING:
    from vramlint.memory.replay.refusals import Refusal


class AllocatorSettingRefused(Rule):
    """A setting of the allocator that PyTorch does not take.

    ## What it finds

    In `PYTORCH_CUDA_ALLOC_CONF` and `PYTORCH_ALLOC_CONF` of a launch line or a script, and in a job file's
    `allocator`: names that PyTorch does not know, and values that it refuses, such as `true` for `True`,
    sizes below that of a segment, and divisions that are no power of two. Releases before 2.7 are not judged,
    and names that came later only where the release is known to be older.

    ## Why it matters

    The run stops with an error when it first uses a GPU, on a machine that is already paid for.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    allocator: expandable_segments:true
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    allocator: expandable_segments:True
    ```

    ## Fixes

    The name or the value that is spelled most like it, where there is one.
    """

    code = "VL230"
    name = "allocator-setting-refused"
    severity = "error"
    summary = "PyTorch's allocator does not take this setting"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """The first that PyTorch stops at. What a framework sets in its place is not the file's fault."""
        torch = _torch(context)
        for name, settings, span in _settings(context, torch):
            from vramlint.memory.replay.refusals import refusal  # late: few files set the allocator

            replaced = context.job is not None and context.job.allocator != settings
            found = None if replaced else refusal(settings, torch)
            if found is not None:
                yield self._finding(context, name, settings, span, found)

    def _finding(self, context: RuleContext, name: str, settings: str, span: Span, found: Refusal) -> Finding:
        at = context.document.text.find(settings, span.start, span.end)
        place = Span(at + found.start, at + found.end) if at >= 0 else span
        message, instead = f"`{name}`: {_problem(found)}", _instead(found)
        if not instead:
            return self.finding(message, span=place)
        fix = Fix(f"write {instead}", (TextEdit(place.start, place.end, instead),))
        return self.finding(f"{message}: write {instead}", span=place, fixes=(fix,) if at >= 0 else ())


def _torch(context: RuleContext) -> str | None:
    """The release of torch, as far as it is known."""
    told, framework = context.dialect_context, context.dialect.name if context.dialect else ""
    version = context.reading.version if context.reading else None
    named = {framework: version} if version else {}
    return together({**(told.versions if told else {}), **named}, framework).get("torch")


def _settings(context: RuleContext, torch: str | None) -> Iterator[tuple[str, str, Span]]:
    """The settings that the document itself writes, with what they are called and their place."""
    told = context.dialect_context
    name = allocator_variable(told.environment, torch) if told else None
    if told is not None and name is not None and name in told.set_at:
        yield name, told.environment[name], told.set_at[name].span
    key = context.key("allocator") if context.dialect and context.dialect.own else None
    node = context.document.node(key) if key else None
    if key and node is not None and context.job is not None:
        yield key_text(key), context.job.allocator, node.resolved().span


def _problem(found: Refusal) -> str:
    if not found.key:
        return f"PyTorch's allocator knows no setting '{shorten(found.value)}'"
    if not found.value:
        return f"`{found.key}` has no value, and takes {found.wanted}"
    return f"`{found.key}` is '{shorten(found.value)}', and PyTorch takes {found.wanted}"


def _instead(found: Refusal) -> str:
    """What is spelled most like it; of `key=value` the same with a colon."""
    name, equals, value = found.value.partition("=")
    close = nearest(name, list(found.choices), 1) if name else []
    return f"{close[0]}:{value}" if close and equals else close[0] if close else ""
