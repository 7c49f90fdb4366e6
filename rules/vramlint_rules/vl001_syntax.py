"""VL001."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from vramlint.document import Document
from vramlint.document.node import Span, SyntaxProblem
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.rule import Rule


class Syntax(Rule):
    """The file cannot be read: the trainer would stop before it starts.

    ## What it finds

    Text that is not YAML, JSON or TOML, and files that are not text at all. The keys around the broken place
    are still read, so hovers and the other rules go on working while you type. A file that no dialect
    recognises is only mentioned where it was named on the command line. A JSON file in which nothing is wrong
    but words such as `BATCH_SIZE` in the place of values is a template, and one information says so.

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
        if _fills_in(context.document, problems):
            first, more = problems[0].span, len(problems) - 1
            word = context.document.text[first.start : first.end]
            others = f" and {more} more words" if more > 1 else " and one more word" if more else ""
            message = (
                f"{word}{others} in the place of values: a template, of which nothing is said until they are "
                "filled in"
            )
            yield self.finding(message, span=first, severity="information")
            problems = []
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


_PLACEHOLDER = re.compile(r"(?=\w*_)(?:\w+_)?[A-Z][A-Z0-9]*(?:_\w+)?", re.ASCII)
"""Words of which one is in capitals: `GROUPS` may be a value without its quotes, `Q_GROUPS` is none."""


def _fills_in(document: Document, problems: Sequence[SyntaxProblem]) -> bool:
    """Whether all that is wrong with a JSON file are words that a script replaces by values (`sed`)."""
    words = (document.text[problem.span.start : problem.span.end] for problem in problems)
    return document.language == "json" and bool(problems) and all(map(_PLACEHOLDER.fullmatch, words))
