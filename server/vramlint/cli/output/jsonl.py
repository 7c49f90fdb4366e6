"""One object a line for each finding, with the path of its file; docs/json.md describes their keys."""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.cli.console import Paint
from vramlint.cli.output.json import finding_object
from vramlint.cli.report import FileReport
from vramlint.lint.escape import json_text


def render(reports: Sequence[FileReport], paint: Paint) -> str:
    """All findings; nothing where there are none."""
    lines = []
    for report in reports:
        index = report.lines()
        head = {"path": report.path, "dialect": report.dialect, "verdict": report.verdict}
        lines += [json_text(head | finding_object(placed, index)) for placed in report.findings]
    return "\n".join(lines)
