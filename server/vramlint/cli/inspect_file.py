"""Analyses one file for `check`, fixes it if asked to, and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vramlint.analysis.analyse import fixes_for
from vramlint.cli.console import Failure
from vramlint.cli.content import STDIN
from vramlint.cli.files import Reader
from vramlint.cli.options import Task
from vramlint.cli.report import Annotation, FileReport, Placed
from vramlint.dialects import detect
from vramlint.document import Document, Span
from vramlint.lazy_dataclasses import replace
from vramlint.lint.finding import Finding
from vramlint.lint.result import Analysis

if TYPE_CHECKING:
    from vramlint.cli.repeats import Repeats

_FIXES = 2
"""Worked out for a finding: each is a search and a check of the edited file. `vramlint fit` lists more."""
_MOST_WORKED_OUT = 10
"""Fixes of one file that are worked out: a launch script may start any number of runs."""


class FileInspector:
    """Reads files as configs."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.reader, self.repeats = _reader(task)

    def inspect(self, path: str, shown: str, data: bytes) -> FileReport:
        """What is found in a file's content; with fixes asked for, what is left after them."""
        if self.repeats is None:
            return self._inspected(path, shown, data)
        report = self.repeats.report(path, data)
        if report is None:
            report = self._inspected(path, shown, data)
            self.repeats.keep(path, data, report)
        return report

    def _inspected(self, path: str, shown: str, data: bytes) -> FileReport:
        failures = self.reader.failures
        document = self.reader.parse(data, path)
        if document.root is None and (reason := _unreadable(data, document)):
            return FileReport(shown, failure=f"{shown}: {reason}")
        analysis = self.reader.analyse(document)
        if not self.task.fix:
            return self._report(shown, analysis, self.reader.failures > failures)
        from vramlint.cli import fixing  # imported late: most runs fix nothing

        analysis, fixed = fixing.apply_fixes(analysis, self.reader.analyse, self.task.unsafe)
        before, after = document.text, analysis.document.text
        change = fixing.diff(shown, before, after) if self.task.diff else ""
        if not self.task.diff and (before != after or path == STDIN):
            try:
                fixing.write(path, data, after)
            except Failure as failure:
                return FileReport(shown, failure=str(failure))
        report = self._report(shown, analysis, self.reader.failures > failures)
        return replace(report, fixed=fixed, change=change)

    def _report(self, shown: str, analysis: Analysis, incomplete: bool) -> FileReport:
        estimate, dialect = analysis.estimate, analysis.dialect
        return FileReport(
            shown,
            dialect.name if dialect else None,
            tuple(run.verdict for run in analysis.runs if run.is_run),
            estimate.device_bytes if estimate else None,
            analysis.document.text if analysis.findings else "",
            self._placed(analysis),
            companions=analysis.companions,
            invalid_settings=any(map(_is_about_settings, analysis.findings)),
            incomplete=incomplete,
        )

    def _placed(self, analysis: Analysis) -> tuple[Placed, ...]:
        left, placed = _MOST_WORKED_OUT if self.task.with_fixes else 0, []
        for finding in analysis.findings:
            if self.task.with_fixes:
                fixes = fixes_for(analysis, finding, min(left, _FIXES))
                left -= len(fixes) - len(finding.fixes)
                finding = replace(finding, fixes=fixes)
            related = (
                Annotation(
                    Span(0, 0) if note.at.document else analysis.span(note.at), note.message, note.at.document
                )
                for note in finding.related
            )
            placed.append(Placed(finding, analysis.span(finding.at), tuple(related)))
        return tuple(placed)


def _reader(task: Task) -> tuple[Reader, Repeats | None]:
    """What reads the files, and what remembers those that have copies."""
    if not task.copies or task.fix:
        return Reader(task.overrides, task.stdin_name), None
    from vramlint.cli.repeats import Repeats  # late: most runs read few files
    from vramlint.project.asked import AskedWorkspace

    reader = Reader(task.overrides, task.stdin_name, workspace=AskedWorkspace)
    assert isinstance(reader.workspace, AskedWorkspace)
    return reader, Repeats(reader.workspace, task.overrides)


def _is_about_settings(finding: Finding) -> bool:
    """Whether a finding says that the settings, and not the file or a comment in it, hold something
    invalid.
    """
    return finding.always and finding.at.part == "file" and finding.at.span is None


def _unreadable(data: bytes, document: Document) -> str | None:
    """Why a config in no known encoding fails the run; None where it is none of ours in another encoding."""
    problem = next((problem for problem in document.problems if problem.kind == "encoding"), None)
    if problem is None:
        return None
    values = Document.parse(data.decode("latin-1"), document.path).values()
    return problem.message if detect(values).entry else None
