"""From a path to an analysis, under the settings that flags override."""

from __future__ import annotations

import os

from vramlint.analysis import failures
from vramlint.analysis.analyse import analyse
from vramlint.cli.console import complain
from vramlint.cli.content import STDIN, read
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.settings import SettingsResolver
from vramlint.project.workspace import Workspace


class Reader:
    """Reads and analyses files under one set of overrides."""

    def __init__(
        self,
        overrides: Overrides,
        stdin_name: str | None = None,
        root: str | None = None,
        workspace: type[Workspace] = Workspace,
    ) -> None:
        """`root`: the workspace's folder; the current one where None."""
        self.overrides = overrides
        self.stdin_name = stdin_name
        resolver = SettingsResolver(overrides.config, overrides.isolated)
        self.workspace = workspace(root, settings=resolver, within=overrides.within)
        self.failures = 0
        """Parts of vramlint that failed on what was read so far."""
        if not os.environ.get("VRAMLINT_DEBUG"):
            failures.listen(self._complain)

    def _complain(self, message: str, error: BaseException | None) -> None:
        self.failures += 1
        complain(f"internal error: {message}: {error!r} (VRAMLINT_DEBUG=1 shows where; please report it)")

    def document(self, path: str) -> Document:
        """The document at `path`. Raises Failure where there is none."""
        return self.parse(read(path), path)

    def parse(self, data: bytes, path: str) -> Document:
        """The document of a file's content."""
        return Document.from_bytes(data, self.stdin_name if path == STDIN else path)

    def analyse(self, document: Document) -> Analysis:
        """What is known and found of the document."""
        return analyse(document, self.workspace, self.overrides)
