"""A coverage plugin for processes that outlive a test: what they execute belongs to the test that runs.

A fixture starts a language server for the tests of a module. The process of pytest writes down which of them
runs, and each call into the package asks.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import coverage

if TYPE_CHECKING:
    from coverage.plugin_support import Plugins

NOTE = "MUTANTS_RUNNING"
"""The variable that names the file in which the running test is; empty between tests."""
_PACKAGE = f"{os.sep}vramlint{os.sep}"


class Served(coverage.CoveragePlugin):
    """Asked at each call that is not within one from outside."""

    def __init__(self, note: Path) -> None:
        self._note = note

    def dynamic_context(self, frame: FrameType) -> str | None:
        """The test that runs, where the call is of the package."""
        if _PACKAGE not in frame.f_code.co_filename:
            return None
        return self._note.read_text(encoding="utf-8") or None


def coverage_init(reg: Plugins, options: object) -> None:
    """As coverage loads it."""
    reg.add_dynamic_context(Served(Path(os.environ[NOTE])))
