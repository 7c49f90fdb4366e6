"""VL001."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.document.node import Span
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.rule import Rule


class Syntax(Rule):
    """The file cannot be read: the trainer would stop before it starts.

    ## What it finds

    Text that is not YAML, JSON or TOML, and files that are not text at all. The keys around the broken place
    are still read, so hovers and the other rules go on working while you type. A file that no dialect
    recognises is only mentioned where it was named on the command line.

    ## Why it matters

    The trainer's own reader refuses the whole file for one missing bracket.

    ## Example

    ```yaml
    vramlint: 1
    model: mistralai/Mistral-7B-v0.1
    adapter: {r: 16, targets: [q_proj, v_proj}
    ```

    ## Use instead

    ```yaml
    vramlint: 1
    model: mistralai/Mistral-7B-v0.1
    adapter: {r: 16, targets: [q_proj, v_proj]}
    ```
    """

    code = "VL001"
    name = "syntax"
    severity = "error"
    summary = "the file is not valid YAML, JSON or TOML"
    any_file = True

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Report what the parser refused; for a file that is not ours, only if it was asked for."""
        if context.dialect is None and not context.named:
            return
        problems = [problem for problem in context.document.problems if problem.kind != "duplicate-key"]
        severity = self.severity if context.dialect else "information"
        for problem in problems:
            yield self.finding(problem.message, span=problem.span, severity=severity)
        if context.dialect is not None and context.dialect.role != "launcher":
            for other in context.document.others:
                yield self.finding(
                    "a second document starts here, and what reads one document refuses the file; "
                    "put each run into a file of its own",
                    span=Span(other.span.start, other.span.start + 1),
                )
        if not problems and context.dialect is None and not isinstance(context.values, dict):
            kind = "a list" if isinstance(context.values, list) else "a single value"
            found = "the file is empty" if context.values is None else f"the top level is {kind}"
            yield self.finding(
                f"{found}: a training config is a mapping of keys", part="file", severity=severity
            )
