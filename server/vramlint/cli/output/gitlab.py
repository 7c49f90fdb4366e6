"""GitLab's code quality report: a list of issues in the form of Code Climate's specification."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

from vramlint.cli.console import Paint
from vramlint.cli.report import FileReport, pairs
from vramlint.lint.format import key_text
from vramlint.project.severity import Severity

SEVERITY: dict[Severity, str] = {"error": "major", "warning": "minor", "information": "info", "hint": "info"}


def render(reports: Sequence[FileReport], paint: Paint) -> str:
    """All issues. A fingerprint is made of file, rule and key, so that it outlives a change of line."""
    issues = []
    seen: Counter[str] = Counter()
    for report, placed in pairs(reports):
        finding, lines = placed.finding, report.lines()
        (line, column), (end_line, end_column) = (
            lines.line_character(offset, "utf-32") for offset in placed.span
        )
        identity = f"{report.path}:{finding.code}:{key_text(finding.at.key)}"
        seen[identity] += 1
        issues.append(
            {
                "description": finding.message,
                "check_name": finding.code,
                "fingerprint": sha256(
                    f"{identity}:{seen[identity]}".encode(errors="surrogateescape")
                ).hexdigest(),
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
    return json.dumps(issues, indent=1)
