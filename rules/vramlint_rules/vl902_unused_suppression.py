"""VL902."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.document.edit import TextEdit
from vramlint.lint.context import RuleContext
from vramlint.lint.directives import Suppression
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.rule import Rule


class UnusedSuppression(Rule):
    """A comment suppresses a rule that finds nothing there.

    ## What it finds

    `# vramlint: ignore[…]` and `ignore-file[…]` that no finding needs any more. A rule that could not speak
    (no GPU declared, the job cannot be estimated) is not counted.

    ## Why it matters

    A dead suppression hides the next real finding at that line.

    ## Example

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    micro_batch_size: 1  # vramlint: ignore[VL101] fits since we shortened the sequences
    ```

    ## Use instead

    ```yaml
    # vramlint: gpu=A100-80GB
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    micro_batch_size: 1
    ```

    ## Fixes

    The comment, or the code in it, is removed. What is trained stays the same.
    """

    code = "VL902"
    name = "unused-suppression"
    severity = "warning"
    summary = "the comment suppresses nothing"
    after_suppressions = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Report what analysis found unused."""
        for suppression in context.unused:
            what = f"no {suppression.code}" if suppression.code else "nothing"
            where = "in this file" if suppression.line is None else "here"
            fix = Fix(
                "remove the comment" if not suppression.others else f"remove {suppression.code}",
                (_removal(context, suppression),),
                safe=True,
            )
            yield self.finding(
                f"nothing to ignore: {what} is found {where}",
                span=suppression.span,
                fixes=(fix,),
                unnecessary=True,
            )


def _removal(context: RuleContext, suppression: Suppression) -> TextEdit:
    """The edit that takes out one code, with its comma; the whole comment where it is the only one."""
    text, span, comment = context.document.text, suppression.span, suppression.comment
    if suppression.others:
        start, end = span
        after = end + len(text[end : comment.end]) - len(text[end : comment.end].lstrip(" ,"))
        if after > end and text[end:after].strip() == ",":
            return TextEdit(start, after, "")
        while text[start - 1] in " ,":
            start -= 1
        return TextEdit(start, end, "")
    line = context.document.lines.line_span(context.document.lines.line_character(comment.start)[0])
    before = text[line.start : comment.start]
    if before.strip():
        return TextEdit(line.start + len(before.rstrip()), comment.end, "")
    newline = 2 if text[line.end : line.end + 2] == "\r\n" else 1 if line.end < len(text) else 0
    end = line.end if text[line.start : line.end].endswith(("\n", "\r")) else line.end + newline
    return TextEdit(line.start, end, "")
