"""The contract for programs; docs/json.md describes it.

Lines and characters count from 0, characters in UTF-16 units, as in the protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vramlint.cli.console import Paint
from vramlint.cli.report import FileReport, Placed
from vramlint.document import LineIndex, Span
from vramlint.lint.escape import json_text
from vramlint.lint.finding import Fix
from vramlint.lint.format import key_text

SCHEMA_VERSION = 1


def render(reports: Sequence[FileReport], paint: Paint) -> str:
    """One object."""
    return json_text(
        {"schema_version": SCHEMA_VERSION, "files": [file_object(report) for report in reports]}, indent=1
    )


def file_object(report: FileReport) -> dict[str, Any]:
    """The object of a file."""
    lines = report.lines()
    return {
        "path": report.path,
        "dialect": report.dialect,
        "verdict": report.verdict,
        "verdicts": report.verdicts,
        "device_bytes": report.device_bytes,
        "findings": [finding_object(placed, lines) for placed in report.findings],
    }


def finding_object(placed: Placed, lines: LineIndex) -> dict[str, Any]:
    """The object of a finding."""
    finding = placed.finding
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity,
        "message": finding.message,
        "range": span_range(lines, placed.span),
        "key": key_text(finding.at.key) or None,
        "related": [
            {
                "path": note.path,
                "range": span_range(lines, note.span) if note.path is None else None,
                "message": note.message,
            }
            for note in placed.related
        ],
        "fixes": [_fix(fix, lines) for fix in finding.fixes],
    }


def _fix(fix: Fix, lines: LineIndex) -> dict[str, Any]:
    return {
        "title": fix.title,
        "safe": fix.safe,
        "edits": [
            {"range": span_range(lines, Span(edit.start, edit.end)), "new_text": edit.text}
            for edit in fix.edits
        ],
        "device_bytes_after": fix.device_bytes_after,
        "verdict_after": fix.verdict_after,
    }


def span_range(lines: LineIndex, span: Span) -> dict[str, dict[str, int]]:
    """A range as the protocol writes it."""
    (line, character), (end_line, end_character) = (lines.line_character(offset, "utf-16") for offset in span)
    return {
        "start": {"line": line, "character": character},
        "end": {"line": end_line, "character": end_character},
    }
