"""VL905."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from vramlint.document import Document
from vramlint.document.node import KeyPath
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import Finding
from vramlint.lint.rule import Rule

_NAMED = re.compile("`([^`]+)`")


class InvalidSetting(Rule):
    """vramlint's own settings, or a comment that speaks to it, hold something that cannot be used.

    ## What it finds

    Unknown keys and values of a wrong type in `[tool.vramlint]` of pyproject.toml or in vramlint.toml, rule
    packs that are not installed, GPUs, libraries, rules and dialects that do not exist; the same in vramlint
    comments, and comments that cannot be read. The rest is used. Nothing hides these findings: no setting, no
    comment and no baseline. Where the settings are wrong, `vramlint check` ends with 2.

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
    any_file = True
    summary = "vramlint's settings or comments hold something that cannot be used"

    def check(self, context: RuleContext) -> Iterator[Finding]:
        """One finding a problem: at its key where the file itself holds the settings, at the directive where
        it is in one, else at the top of the file.
        """
        source = context.settings.source
        if source is not None and source == context.document.path:
            for problem in context.setting_problems:
                key = _key_of(context.document, problem)
                yield self.finding(problem, key, part="key" if key else "file", always=True)
            return
        if context.dialect is None and not context.directives.dialect:
            return
        for told in context.directives.problems:
            yield self.finding(told.message, span=told.span, always=True)
        for problem in context.setting_problems:
            where = f"{Path(source).name}: " if source and problem in context.settings.problems else ""
            span = context.directives.dialect[1] if context.directives.dialect and not where else None
            yield self.finding(f"{where}{problem}", part="file", span=span, always=True)


def _key_of(document: Document, problem: str) -> KeyPath:
    """The key that a problem names between its first backquotes; empty where it names none of the file."""
    named = _NAMED.search(problem)
    values = document.values()
    in_project = isinstance(values, Mapping) and "vramlint" in (values.get("tool") or ())
    path: KeyPath = ("tool", "vramlint") if in_project else ()
    rest = named[1] if named else ""
    while rest:
        node = document.node(path) if path else document.root
        keys = [str(pair.key.value) for pair in node.pairs] if node is not None else []
        key = next((key for key in keys if rest == key or rest.startswith(f"{key}.")), None)
        if key is None:
            return ()
        path, rest = (*path, key), rest[len(key) + 1 :]
    return path
