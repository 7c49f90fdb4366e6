"""JUnit XML: a suite a file, a failed case a finding; a file without findings is one case that passed."""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.cli.console import Paint
from vramlint.cli.report import FileReport
from vramlint.lint.escape import xml, xml_attribute


def render(reports: Sequence[FileReport], paint: Paint) -> str:
    """One document."""
    failures = sum(len(report.findings) for report in reports)
    counts = f'tests="{sum(map(_cases, reports))}" failures="{failures}"'
    suites = (line for report in reports for line in _suite(report))
    head = '<?xml version="1.0" encoding="utf-8"?>'
    return "\n".join([head, f'<testsuites name="vramlint" {counts}>', *suites, "</testsuites>"])


def _cases(report: FileReport) -> int:
    return max(1, len(report.findings))


def _suite(report: FileReport) -> list[str]:
    path, lines = xml_attribute(report.path), report.lines()
    rows = [f'  <testsuite name={path} tests="{_cases(report)}" failures="{len(report.findings)}">']
    if not report.findings:
        rows.append(f'    <testcase name="vramlint" classname={path}/>')
    for placed in report.findings:
        finding = placed.finding
        line, column = lines.line_character(placed.span.start, "utf-32")
        name = xml_attribute(f"{finding.code} {finding.name}")
        failure = f"type={xml_attribute(finding.severity)} message={xml_attribute(finding.message)}"
        where = xml(f"{report.path}:{line + 1}:{column + 1}")
        rows += [
            f'    <testcase name={name} classname={path} line="{line + 1}">',
            f"      <failure {failure}>{where}</failure>",
            "    </testcase>",
        ]
    return [*rows, "  </testsuite>"]
