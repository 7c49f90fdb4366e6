"""VL905."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.rule import Rule


class InvalidSetting(Rule):
    """vramlint's own settings hold something that cannot be used.

    ## What it finds

    Unknown keys and values of a wrong type in `[tool.vramlint]` of pyproject.toml or in vramlint.toml, rule
    packs that are not installed, and dialects that do not exist. The rest of the settings is used.

    ## Why it matters

    A misspelt setting is a check that does not run.

    ## Example

    ```yaml
    # vramlint: dialect=axolotll
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    ```

    ## Use instead

    ```yaml
    # vramlint: dialect=job
    vramlint: 1
    model: HuggingFaceTB/SmolLM2-360M
    ```
    """

    code = "VL905"
    name = "invalid-setting"
    severity = "error"
    always_on = True
    summary = "vramlint's settings hold something that cannot be used"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """One finding a problem, at the directive where it stands in one, else at the top of the file."""
        source = context.settings.source
        for problem in context.setting_problems:
            where = f"{Path(source).name}: " if source and problem in context.settings.problems else ""
            span = context.directives.dialect[1] if context.directives.dialect and not where else None
            yield self.finding(f"{where}{problem}", part="file", span=span)
