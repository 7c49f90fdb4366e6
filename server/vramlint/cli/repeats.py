"""Reports of files whose text was seen before: copies of a config are read once where nothing around them
differs.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import PurePath

from vramlint.cli.report import FileReport
from vramlint.lazy_dataclasses import replace
from vramlint.project.asked import AskedWorkspace, Questions
from vramlint.project.overrides import Overrides
from vramlint.project.settings import SETTINGS_FILES
from vramlint.project.walk import is_config
from vramlint.project.workspace import Workspace

KEPT = 256
"""Reports that are remembered."""
_LARGEST = 1 << 16
"""Bytes of a text that is remembered."""


class Repeats:
    """Remembers the reports of one run."""

    def __init__(self, workspace: AskedWorkspace, overrides: Overrides) -> None:
        self._workspace, self._overrides = workspace, overrides
        self._plain = Workspace(
            workspace.root, settings=workspace.settings, overlay=workspace.overlay, catalog=workspace.catalog
        )
        self._known: OrderedDict[tuple[bytes, str], tuple[FileReport, Questions]] = OrderedDict()

    def report(self, path: str, data: bytes) -> FileReport | None:
        """The report of the file at `path`, where one of the same text says it."""
        self._workspace.questions = None
        known = self._known.get(_key(path, data))
        if known is None:
            return None
        report, questions = known
        return replace(report, path=path) if questions.same_for(path, self._plain, self._overrides) else None

    def keep(self, path: str, data: bytes, report: FileReport) -> None:
        """Remember what was found in a file, where it is about nothing but its text."""
        questions = self._workspace.questions
        if questions is None or not _is_plain(path, data) or _is_about_more(report, questions, path):
            return
        self._known[_key(path, data)] = report, questions
        if len(self._known) > KEPT:
            self._known.popitem(last=False)


def _key(path: str, data: bytes) -> tuple[bytes, str]:
    return data, PurePath(path).suffix


def _is_plain(path: str, data: bytes) -> bool:
    """Whether it is a config of ordinary size, which holds no settings."""
    return is_config(path) and PurePath(path).name not in SETTINGS_FILES and len(data) <= _LARGEST


def _is_about_more(report: FileReport, questions: Questions, path: str) -> bool:
    """Whether other files are read with it, something failed, or a finding names the file."""
    if questions.of_its_own or report.untrusted or report.companions:
        return True
    return PurePath(path).name in repr([placed.finding for placed in report.findings])
