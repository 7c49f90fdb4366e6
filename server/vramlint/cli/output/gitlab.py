"""GitLab's code quality report: a list of issues in the form of Code Climate's specification."""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.cli.console import Paint
from vramlint.cli.fingerprints import fingerprinted
from vramlint.cli.report import FileReport
from vramlint.lint.escape import json_text
from vramlint.project.severity import Severity

SEVERITY: dict[Severity, str] = {"error": "major", "warning": "minor", "information": "info", "hint": "info"}


def render(reports: Sequence[FileReport], paint: Paint) -> str:
    """All issues. A fingerprint is made of file, rule and key, so that it outlives a change of line."""
    issues = []
    for report, placed, fingerprint in fingerprinted(reports):
        finding, lines = placed.finding, report.lines()
        (line, column), (end_line, end_column) = (
            lines.line_character(offset, "utf-32") for offset in placed.span
        )
        issues.append(
            {
                "description": finding.message,
                "check_name": finding.code,
                "fingerprint": fingerprint,
                "severity": SEVERITY[finding.severity],
                "location": {
                    "path": report.path,
                    "positions": {
                        "begin": {"line": line + 1, "column": column + 1},
                        "end": {"line": end_line + 1, "column": end_column + 1},
                    },
                },
            }
        )
    return json_text(issues, indent=1)
