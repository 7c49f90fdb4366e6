"""SARIF 2.1.0, for GitHub's code scanning and other viewers. Columns are UTF-16 units, places from 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from urllib.parse import quote

from vramlint import __version__
from vramlint.analysis.registry import find_rule
from vramlint.cli.console import Paint
from vramlint.cli.fingerprints import fingerprinted
from vramlint.cli.report import FileReport, Placed, pairs
from vramlint.document import LineIndex, Span
from vramlint.lint.escape import json_text
from vramlint.lint.finding import Fix
from vramlint.project.severity import Severity

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "information": "note", "hint": "note"}


def render(reports: Sequence[FileReport], paint: Paint) -> str:
    """One log with one run."""
    codes = sorted({placed.finding.code for _, placed in pairs(reports)})
    driver = {"name": "vramlint", "version": __version__, "rules": [_rule(code) for code in codes]}
    results = [_result(*each) for each in fingerprinted(reports)]
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(reports)],
        "columnKind": "utf16CodeUnits",
        "results": results,
    }
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1)


def _invocation(reports: Sequence[FileReport]) -> dict[str, Any]:
    """Whether all files could be read, with what prevented it for the others."""
    unread = [
        {
            "level": "error",
            "message": {"text": report.failure},
            "locations": [_location(report.path, None, None)],
        }
        for report in reports
        if report.failure
    ]
    said = {"executionSuccessful": not any(report.untrusted for report in reports)}
    return said | ({"toolExecutionNotifications": unread} if unread else {})


def _rule(code: str) -> dict[str, Any]:
    rule = find_rule(code)
    if rule is None:  # of a pack that this process has not loaded
        return {"id": code}
    return {
        "id": code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        **({"helpUri": f"{pages}#{code.lower()}-{rule.name}"} if (pages := _pages()) else {}),
        "help": {"text": rule.page(), "markdown": rule.page()},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
    }


@cache
def _pages() -> str | None:
    """Where the pages of the rules are, as the installed release says; None where it says nothing."""
    from importlib import metadata

    try:
        said = metadata.metadata("vramlint").get_all("Project-URL") or ()
    except metadata.PackageNotFoundError:
        return None
    urls = dict(entry.split(", ", 1) for entry in said if ", " in entry)
    return f"{urls['Documentation']}/rules.md" if "Documentation" in urls else None


def _result(report: FileReport, placed: Placed, fingerprint: str) -> dict[str, Any]:
    finding, lines = placed.finding, report.lines()
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [_location(report.path, lines, placed.span)],
        "partialFingerprints": {"vramlintFileRuleKey/v1": fingerprint},
    }
    if placed.related:
        result["relatedLocations"] = [
            _location(note.path or report.path, lines if note.path is None else None, note.span)
            | {"message": {"text": note.message}}
            for note in placed.related
        ]
    if fixes := [_fix(report.path, lines, fix) for fix in finding.fixes if fix.edits]:
        result["fixes"] = fixes
    return result


def _location(path: str, lines: LineIndex | None, span: Span | None) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _artifact(path)}
    if lines is not None and span is not None:
        physical["region"] = _region(lines, span)
    return {"physicalLocation": physical}


def _fix(path: str, lines: LineIndex, fix: Fix) -> dict[str, Any]:
    replacements = [
        {"deletedRegion": _region(lines, Span(edit.start, edit.end)), "insertedContent": {"text": edit.text}}
        for edit in fix.edits
    ]
    change = {"artifactLocation": _artifact(path), "replacements": replacements}
    return {"description": {"text": fix.title}, "artifactChanges": [change]}


def _artifact(path: str) -> dict[str, str]:
    return {"uri": quote(path.replace("\\", "/"), errors="surrogateescape")}


def _region(lines: LineIndex, span: Iterable[int]) -> dict[str, int]:
    (line, column), (end_line, end_column) = (lines.line_character(offset, "utf-16") for offset in span)
    return {
        "startLine": line + 1,
        "startColumn": column + 1,
        "endLine": end_line + 1,
        "endColumn": end_column + 1,
    }
