"""VL004."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.rule import Rule


class DuplicateKey(Rule):
    """A key is written twice in one mapping: the last value is used, the others have no effect.

    ## What it finds

    The same key twice in one mapping of YAML or JSON. The readers that trainers use keep the last value and
    say nothing. (TOML's reader refuses the file; that is VL001.)

    ## Why it matters

    Whoever edits the first of the two changes nothing: a batch size "lowered" there still runs out of memory.

    ## Example

    ```yaml
    vramlint: 1
    model: mistralai/Mistral-7B-v0.1
    micro_batch_size: 1
    micro_batch_size: 8
    ```

    ## Use instead

    ```yaml
    vramlint: 1
    model: mistralai/Mistral-7B-v0.1
    micro_batch_size: 8
    ```
    """

    code = "VL004"
    name = "duplicate-key"
    severity = "warning"
    summary = "duplicate key: only the last value is used"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """Pass on what the parser saw."""
        for problem in context.document.problems:
            if problem.kind == "duplicate-key":
                yield self.finding(problem.message, span=problem.span, unnecessary=True)
