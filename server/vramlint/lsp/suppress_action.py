"""The comment that silences one finding: on its line where that can hold one, else on the line before."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.document.comment_edit import comment_above_line, comment_on_line
from vramlint.document.edit import TextEdit
from vramlint.lint.finding import Finding
from vramlint.lint.result import Analysis


def suppression_edit(analysis: Analysis, finding: Finding) -> TextEdit | None:
    """The edit, checked by analysing the edited text; None where no comment is possible."""
    for edit in _candidates(analysis, finding):
        after = analysis.recheck((edit,))
        silenced = any(other.code == finding.code for other in after.suppressed)
        if silenced and len(after.document.problems) <= len(analysis.document.problems):
            return edit
    return None


def may_be_suppressed(analysis: Analysis) -> bool:
    """Whether a comment is possible in the document at all, as far as that is known without trying."""
    return analysis.document.language in ("yaml", "toml")


def _candidates(analysis: Analysis, finding: Finding) -> Iterator[TextEdit]:
    document = analysis.document
    line = document.lines.line(analysis.span(finding.at).start)
    for suppression in analysis.directives.suppressions:
        if suppression.line == line and suppression.code:
            yield TextEdit(suppression.span.end, suppression.span.end, f", {finding.code}")
            return
    if document.language == "shell" or (document.language == "notebook" and not document.takes_comments):
        return  # a comment inside a command that goes on over lines would end it
    text = f"vramlint: ignore[{finding.code}]"
    beside = comment_on_line(document, line, text)
    if beside is not None:
        yield beside
    yield comment_above_line(document, line, text)
