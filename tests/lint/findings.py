"""The finding that a run does not fit, and the text it is at."""

from __future__ import annotations

from vramlint.lint.finding import Finding
from vramlint.lint.result import Analysis


def does_not_fit(analysis: Analysis) -> Finding:
    (finding,) = (each for each in analysis.findings if each.code == "VL101")
    return finding


def shown(analysis: Analysis, finding: Finding) -> str:
    return analysis.document.text[slice(*analysis.span(finding.at))]
