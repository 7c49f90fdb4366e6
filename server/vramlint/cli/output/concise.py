"""One line a finding.

`path:line:column: severity[code] message`, both counted from 1 in code points, as editors' error matchers
read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vramlint.cli.console import Paint, Style
from vramlint.cli.report import FileReport, Placed, count, pairs
from vramlint.lint.inert import inert_path
from vramlint.project.severity import SEVERITIES, Severity

if TYPE_CHECKING:
    from vramlint.memory.estimate import Verdict

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
    return f"{inert_path(report.path)}:{line + 1}:{column + 1}: {label} {finding.message}"


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
    said = f"{found or 'nothing found'} in {files}" + (f"; {fixed} fixed" if fixed else "")
    return f"{said}\n{verdicts}" if (verdicts := _verdicts(reports)) else said


_VERDICTS: dict[Verdict, tuple[str, str]] = {
    "fits": ("fits", "fit"),
    "tight": ("is tight", "are tight"),
    "does_not_fit": ("does not fit", "do not fit"),
    "unknown": ("without a verdict", "without a verdict"),
}
"""Verdict → what is said of one run and of several."""


def _verdicts(reports: Sequence[FileReport]) -> str:
    """ "12 runs: 8 fit, 1 is tight, 3 without a verdict"; empty where there is no run."""
    runs = Counter(verdict for report in reports for verdict in report.verdicts)
    said = ", ".join(
        f"{runs[verdict]} {words[runs[verdict] > 1]}" for verdict, words in _VERDICTS.items() if runs[verdict]
    )
    return f"{count(runs.total(), 'run')}: {said}" if said else ""
