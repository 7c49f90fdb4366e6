"""From a path to an analysis, under the settings that flags override."""

from __future__ import annotations

import os
from dataclasses import replace

from vramlint.analysis import failures
from vramlint.analysis.analyse import analyse
from vramlint.cli.console import complain
from vramlint.cli.options import Options
from vramlint.cli.prefilter import STDIN, read
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.project.settings import Settings, SettingsResolver
from vramlint.project.workspace import Workspace


class _Overridden(SettingsResolver):
    """The project's settings with those of the flags on top."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self._wishes = options

    def for_file(self, path: str | None) -> Settings:
        settings = super().for_file(path)
        options = self._wishes
        return replace(
            settings, select=options.select or settings.select, ignore=settings.ignore + options.ignore
        )


def _complain(message: str, error: BaseException | None) -> None:
    complain(f"internal error: {message}: {error!r} (VRAMLINT_DEBUG=1 shows where; please report it)")


class Reader:
    """Reads and analyses files under one set of options."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.workspace = Workspace(settings=_Overridden(options))
        if not os.environ.get("VRAMLINT_DEBUG"):
            failures.listen(_complain)

    def document(self, path: str) -> Document:
        """The document at `path`. Raises Failure where there is none."""
        return self.parse(read(path), path)

    def parse(self, data: bytes, path: str) -> Document:
        """The document of a file's content."""
        return Document.from_bytes(data, self.options.stdin_name if path == STDIN else path)

    def analyse(self, document: Document, *, named: bool = False) -> Analysis:
        """What is known and found of the document."""
        return analyse(
            document,
            self.workspace,
            self.options.gpu,
            named=named,
            ignore_comments=self.options.ignore_comments,
        )
