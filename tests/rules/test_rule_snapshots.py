"""What each rule says of its example, as text that a reader can review: messages, and the fixes offered."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.analysis.registry import built_in
from vramlint.document import Document
from vramlint.lint.format import key_text
from vramlint.lint.rule import Rule
from vramlint.project.overrides import Overrides
from vramlint.project.selection import Selection
from vramlint.project.workspace import Workspace

SEARCHED = ("VL101", "VL102")
"""Their fixes are those of the search, which has tests of its own."""


@pytest.mark.parametrize("rule", built_in(), ids=lambda rule: rule.code)
def test_what_is_said(rule: Rule, tmp_path: Path, snapshot: Callable[[str, str], None]) -> None:
    language, text = rule.examples()["Example"]
    document = Document.parse(text, str(tmp_path / f"example.{language}"))
    analysis = analyse(document, Workspace(tmp_path), Overrides(rules=Selection(select=(rule.code,))))
    lines = []
    for finding in analysis.findings:
        lines.append(f"{finding.severity} {key_text(finding.at.key) or finding.at.part}: {finding.message}")
        lines += [f"    also {key_text(other.at.key)}: {other.message}" for other in finding.related]
        if rule.code not in SEARCHED:
            lines += [
                f"    {'safe' if fix.safe else 'fix'}: {fix.title}" for fix in fixes_for(analysis, finding)
            ]
    snapshot(f"{rule.code}.txt", "\n".join(lines) + "\n")
