"""What prevents an estimate of a file."""

from __future__ import annotations

from typing import Any

from vramlint.document import PROGRAMS, Document
from vramlint.lint.result import Analysis

_STARTING = (*PROGRAMS, "shell")
"""Languages of files that start runs, and are no configs."""


def why_not(analysis: Analysis) -> tuple[str, str, int | None]:
    """Code, message and line of what prevents an estimate of the file."""
    document, cannot = analysis.document, analysis.cannot
    if cannot is not None:
        line = document.lines.line(document.nearest_span(cannot.key).start) if cannot.key else None
        return cannot.code, cannot.message, line
    if document.problems and not isinstance(analysis.values, dict):
        problem = document.problems[0]
        return problem.kind, problem.message, document.lines.line(problem.span.start)
    if document.text.strip() and document.language in _STARTING:
        return "not-a-training-file", "it starts no training run that vramlint knows", None
    if not isinstance(analysis.values, dict):
        return "not-a-training-file", f"not a training config: {_shape(document, analysis.values)}", None
    return "unknown-dialect", f"not a training config that vramlint knows: {_evidence(analysis)}", None


def _shape(document: Document, values: Any) -> str:
    if values is None or not document.text.strip():
        return "the file is empty"
    return (
        "the top level is a list, not a mapping"
        if isinstance(values, list)
        else "there are no keys at the top level"
    )


def _evidence(analysis: Analysis) -> str:
    seen = analysis.detection.evidence[:2] if analysis.detection else ()
    said = [
        f"{', '.join(evidence.keys[:4])} could be {entry.load().title}"
        for entry, evidence in seen
        if evidence.keys
    ]
    return "; ".join([*said, "not enough to be sure"]) if said else "none of its keys says so"
