"""Findings → diagnostics."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types

from vramlint.lint.finding import Finding, Related
from vramlint.lsp.pages import rule_page
from vramlint.lsp.view import View
from vramlint.project.severity import Severity

SOURCE = "vramlint"
_SEVERITIES: dict[Severity, types.DiagnosticSeverity] = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "information": types.DiagnosticSeverity.Information,
    "hint": types.DiagnosticSeverity.Hint,
}


def diagnostics(view: View) -> list[types.Diagnostic]:
    """All findings of a document, or of the cell that is looked at, as the client shows them."""
    shown = (finding for finding in view.analysis.findings if view.shows(view.analysis.span(finding.at)))
    return [diagnostic(view, finding) for finding in shown]


def diagnostic(view: View, finding: Finding) -> types.Diagnostic:
    """One finding. Its place, code and message are those of `vramlint check`, its severity too once the text
    is whole.
    """
    client = view.client
    related = [_related(view, other) for other in finding.related] if client.related_information else []
    page = rule_page(finding.code) if client.code_description else None
    return types.Diagnostic(
        range=view.range(view.analysis.span(finding.at)),
        message=finding.message,
        severity=_SEVERITIES[_severity(view, finding)],
        code=finding.code,
        code_description=types.CodeDescription(page) if page else None,
        source=SOURCE,
        tags=[types.DiagnosticTag.Unnecessary] if finding.unnecessary else None,
        related_information=related or None,
    )


def _severity(view: View, finding: Finding) -> Severity:
    """Half-typed text may lack what makes an error of the rest: a new one is a warning until it is
    whole. What is said of the text itself (VL0…) holds in any case.
    """
    if finding.severity != "error" or not view.document.problems or finding.code.startswith("VL0"):
        return finding.severity
    before = view.whole.findings if view.whole else ()
    known = any(each.code == finding.code and each.severity == "error" for each in before)
    return "error" if known else "warning"


def _related(view: View, other: Related) -> types.DiagnosticRelatedInformation:
    """Another key of this file, or the first line of a companion."""
    if other.at.document is not None:
        start = types.Position(0, 0)
        location = types.Location(companion_uri(view, other.at.document), types.Range(start, start))
    else:
        span = view.analysis.span(other.at)
        there = view.at(span)
        location = types.Location(there.uri, there.range(span))
    return types.DiagnosticRelatedInformation(location, other.message)


def companion_uri(view: View, path: str) -> str:
    """The URI of a companion, whose path is absolute or relative to a folder above the document."""
    file = Path(path)
    if not file.is_absolute() and view.document.path:
        above = Path(view.document.path).resolve().parents
        file = next((folder / path for folder in above if (folder / path).is_file()), above[0] / path)
    return file.as_uri() if file.is_absolute() else view.uri
