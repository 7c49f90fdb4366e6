"""VL901."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.document.edit import TextEdit
from vramlint.lazy_dataclasses import replace
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding, Fix, Part
from vramlint.lint.format import gib
from vramlint.lint.rule import Rule
from vramlint.project.hardware import Declaration


class UnknownGpu(Rule):
    """A GPU is declared that the catalog does not know, or by a name that does not say enough.

    ## What it finds

    A name after `gpu=` in a comment, under a key of the file, or in the settings that means no known GPU.
    Names are compared without case, vendor words and punctuation. A GPU that is not listed can be declared
    by its memory: `gpu=24GiB`. A name that GPUs of several sizes have ("A100": 40 GB or 80) is a warning
    where the run fits one of them and not another. A name that no GPU has is said whatever the settings
    ignore.

    ## Why it matters

    Without a limit there is no verdict, and a run that cannot fit passes.

    ## Example

    ```yaml
    # vramlint: gpu=RTX-4O90
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=RTX-4090
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    ```

    ## Fixes

    The name of a GPU that is spelled nearly so, or one of each size. What is trained stays the same.
    """

    code = "VL901"
    name = "unknown-gpu"
    severity = "error"
    summary = "the declared GPU is not in the catalog"
    about_missing_verdicts = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Name the nearest GPUs."""
        declared = context.declared
        if declared is None:
            return
        if declared.gpu is not None:
            yield from self._sizes(context, declared)
            return
        where = f" in {context.settings.source}" if declared.source == "settings" else ""
        message = f"no GPU is called '{declared.name}'{where}"
        if declared.name == "auto":
            message = "gpu is 'auto', and this machine has none: name the one that the run is for"
        elif declared.nearest:
            message += f": did you mean {' or '.join(declared.nearest)}?"
        else:
            message += ": see `vramlint gpus`, or give its memory, like gpu=24GiB"
        if declared.span is not None:
            yield self.finding(message, span=declared.span, fixes=_fixes(context, declared), always=True)
        else:
            part: Part = "value" if declared.key else "file"
            fixes = _fixes(context, declared)
            yield self.finding(message, declared.key or (), part=part, fixes=fixes, always=True)

    def _sizes(self, context: RuleContext, declared: Declaration) -> Iterator[Finding]:
        """Ask which one, where it matters."""
        if context.estimate is None or declared.gpu is None or not declared.other_sizes:
            return
        gpus = (declared.gpu, *declared.other_sizes)
        if len({context.estimate.verdict(gpu.usable_bytes) for gpu in gpus}) == 1:
            return
        sizes = " or ".join(gib(gpu.usable_bytes) for gpu in gpus)
        names = tuple(gpu.name for gpu in gpus)
        yield self.finding(
            f"{declared.name} is sold with {sizes} GiB to use, and the run needs "
            f"{gib(context.estimate.device_bytes)}: name {' or '.join(names)}",
            declared.key or (),
            part="value" if declared.key else "file",
            span=declared.span,
            severity="warning",
            fixes=_fixes(context, replace(declared, nearest=names)),
        )


def _fixes(context: RuleContext, declared: Declaration) -> tuple[Fix, ...]:
    """Write the right name in place of the wrong one."""
    span = declared.span
    if span is None and declared.key is not None:
        node = context.document.node(declared.key)
        span = node.span if node is not None and node.kind == "scalar" else None
    if span is None:
        return ()
    text = context.document.text[span.start : span.end]
    at = text.find(declared.name)
    if at < 0:
        return ()
    start, end = span.start + at, span.start + at + len(declared.name)
    return tuple(
        Fix(f"declare {name}", (TextEdit(start, end, name.replace(" ", "-")),), safe=True)
        for name in declared.nearest
    )
