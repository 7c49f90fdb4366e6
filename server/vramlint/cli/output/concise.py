"""One line a finding.

`path:line:column: severity[code] message`, both counted from 1 in code points, as editors' error matchers
read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vramlint.cli.console import Paint, Style
from vramlint.cli.report import FileReport, Placed, count, pairs
from vramlint.lint.inert import inert
from vramlint.project.severity import SEVERITIES, Severity

STYLES: dict[Severity, Style] = {"error": "red", "warning": "yellow", "information": "cyan", "hint": "dim"}


def render(reports: Sequence[FileReport], paint: Paint) -> str:
    """All findings and the sum."""
    rows = [headline(report, placed, paint) for report, placed in pairs(reports)]
    return "\n".join([*rows, summary(reports)])


def headline(report: FileReport, placed: Placed, paint: Paint) -> str:
    """The finding in one line."""
    line, column = report.lines().line_character(placed.span.start, "utf-32")
    finding = placed.finding
    label = paint(STYLES[finding.severity], f"{finding.severity}[{finding.code}]")
    return f"{inert(report.path)}:{line + 1}:{column + 1}: {label} {finding.message}"


def summary(reports: Sequence[FileReport]) -> str:
    """How much was found in how many files."""
    configs = sum(report.dialect is not None for report in reports)
    files = count(len(reports), "file")
    if not configs:
        return f"no training config in {files}"
    if configs != len(reports):
        files += f", {configs} of them configs"
    totals = Counter(placed.finding.severity for _, placed in pairs(reports))
    found = ", ".join(count(totals[severity], severity) for severity in SEVERITIES if totals[severity])
    fixed = sum(report.fixed for report in reports)
    return f"{found or 'nothing found'} in {files}" + (f"; {fixed} fixed" if fixed else "")
