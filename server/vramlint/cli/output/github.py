"""Annotations of GitHub Actions.

`::error file=…,line=…,col=…,endLine=…,endColumn=…,title=…::message`, places counted from 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.cli.console import Paint
from vramlint.cli.report import FileReport, Placed, pairs
from vramlint.lint.escape import github
from vramlint.project.severity import Severity

COMMANDS: dict[Severity, str] = {
    "error": "error",
    "warning": "warning",
    "information": "notice",
    "hint": "notice",
}


def render(reports: Sequence[FileReport], paint: Paint) -> str:
    """One workflow command a finding."""
    return "\n".join(_command(report, placed) for report, placed in pairs(reports))


def _command(report: FileReport, placed: Placed) -> str:
    lines, finding = report.lines(), placed.finding
    (line, column), (end_line, end_column) = (
        lines.line_character(offset, "utf-16") for offset in placed.span
    )
    properties = {
        "file": report.path,
        "line": line + 1,
        "endLine": end_line + 1,
        "title": f"{finding.code} {finding.name}",
    }
    if end_line == line:  # GitHub refuses columns of a range over several lines
        properties |= {"col": column + 1, "endColumn": end_column + 1}
    listed = ",".join(f"{name}={github(str(value), ':,')}" for name, value in properties.items())
    return f"::{COMMANDS[finding.severity]} {listed}::{github(finding.message)}"
