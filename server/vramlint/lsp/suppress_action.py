"""The comment that silences one finding: on its line where that can hold one, else on the line before."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.document.edit import TextEdit
from vramlint.lint.finding import Finding
from vramlint.lint.result import Analysis

_MARKS = {"yaml": "#", "toml": "#", "json": "//"}


def suppression_edit(analysis: Analysis, finding: Finding) -> TextEdit | None:
    """The edit, checked by analysing the edited text; None where no comment can stand."""
    for edit in _candidates(analysis, finding):
        after = analysis.recheck((edit,))
        silenced = any(other.code == finding.code for other in after.suppressed)
        if silenced and len(after.document.problems) <= len(analysis.document.problems):
            return edit
    return None


def _candidates(analysis: Analysis, finding: Finding) -> Iterator[TextEdit]:
    document = analysis.document
    line = document.lines.line(analysis.span(finding.at).start)
    span = document.lines.line_span(line)
    for suppression in analysis.directives.suppressions:
        if suppression.line == line and suppression.code:
            yield TextEdit(suppression.span.end, suppression.span.end, f", {finding.code}")
            return
    comment = f"{_MARKS[document.language]} vramlint: ignore[{finding.code}]"
    if not any(span.start <= other.span.start < span.end for other in document.comments):
        yield TextEdit(span.end, span.end, f"  {comment}")
    text = document.text[span.start : span.end]
    indent = text[: len(text) - len(text.lstrip())]
    newline = "\r\n" if "\r\n" in document.text else "\n"
    yield TextEdit(span.start, span.start, f"{indent}{comment}{newline}")
