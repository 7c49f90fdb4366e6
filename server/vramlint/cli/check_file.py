"""Checks files one by one. What most files need, a look that says they are none of ours, is all it loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vramlint.cli.console import Failure
from vramlint.cli.content import STDIN, read
from vramlint.cli.options import Task
from vramlint.cli.report import FileReport
from vramlint.project.prefilter import could_be_config, forget, is_text

if TYPE_CHECKING:
    from vramlint.cli.inspect_file import FileInspector


class Checker:
    """Checks one file after the other."""

    def __init__(self, task: Task) -> None:
        self.task = task
        forget()
        self._inspector: FileInspector | None = None

    def __call__(self, path: str) -> FileReport:
        """What is found in the file at `path`."""
        found = self._looked_at(path)
        return (
            found if isinstance(found, FileReport) else self.inspector.inspect(path, self._shown(path), found)
        )

    def at_once(self, path: str) -> FileReport | None:
        """The report of a file that is none of ours; None where it must be read as a config."""
        found = self._looked_at(path)
        return found if isinstance(found, FileReport) else None

    def _looked_at(self, path: str) -> FileReport | bytes:
        """The report of a file that is none of ours, else its content."""
        shown = self._shown(path)
        try:
            data = read(path)
        except Failure as failure:
            return FileReport(shown, failure=str(failure))
        if not is_text(data):
            return FileReport(shown, failure=f"{shown}: not a text file: there are NUL bytes in it")
        if not could_be_config(data, shown) and not (self.task.fix and path == STDIN):
            return FileReport(shown)
        return data

    def _shown(self, path: str) -> str:
        return self.task.stdin_name or path if path == STDIN else path

    @property
    def inspector(self) -> FileInspector:
        """Reads files as configs; there from the first file that could be one."""
        if self._inspector is None:
            from vramlint.cli.inspect_file import FileInspector

            self._inspector = FileInspector(self.task)
        return self._inspector
