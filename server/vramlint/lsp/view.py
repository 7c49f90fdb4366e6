"""What a request sees: one analysis of one version of one document, and the client it is for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lsprotocol import types
from pygls.uris import from_fs_path

from vramlint.document import Document
from vramlint.document.edit import TextEdit
from vramlint.document.node import Span
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.finding import Append, Finding
from vramlint.lint.result import Analysis
from vramlint.lsp.client import Client


@dataclass(frozen=True, slots=True)
class View:
    """An open document as analysed once per version.

    `shown` is the analysis whose figures are worth showing: this one, or while the text is broken the last
    that had an estimate.
    """

    uri: str
    version: int | None
    analysis: Analysis
    shown: Analysis
    client: Client

    @property
    def document(self) -> Document:
        """The text as it stands in the editor."""
        return self.analysis.document

    @property
    def stale(self) -> bool:
        """Whether the figures are those of an earlier text."""
        return self.shown is not self.analysis

    @property
    def unfit(self) -> Finding | None:
        """The finding that says that the run of the shown figures does not fit."""
        found = (each for each in self.shown.findings if each.name in ("does-not-fit", "tight-fit"))
        return next(found, None)

    def range(self, span: Span) -> types.Range:
        """Code points of the text → the client's positions."""
        return types.Range(self.position(span.start), self.position(span.end))

    def position(self, offset: int) -> types.Position:
        """One offset → the client's position."""
        line, character = self.document.lines.line_character(offset, self.client.encoding)
        return types.Position(line, character)

    def offset(self, position: types.Position) -> int:
        """The client's position → an offset; past the end of a line it is the line's end."""
        return self.document.lines.offset(position.line, position.character, self.client.encoding)

    def workspace_edit(self, edits: Iterable[TextEdit]) -> types.WorkspaceEdit:
        """Edits of this document, tied to its version where the client can check it."""
        changes = [types.TextEdit(self.range(Span(edit.start, edit.end)), edit.text) for edit in edits]
        if not self.client.versioned_edits:
            return types.WorkspaceEdit(changes={self.uri: changes})
        identifier = types.OptionalVersionedTextDocumentIdentifier(uri=self.uri, version=self.version)
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, changes)])

    def append_edit(self, append: Append) -> types.WorkspaceEdit | None:
        """Text at the end of another file, created where it is missing; None where the client cannot."""
        uri = from_fs_path(append.path)
        file = Path(append.path)
        try:
            lines = Document.parse(file.read_bytes().decode(), append.path).lines if file.is_file() else None
        except (OSError, UnicodeDecodeError):
            return None
        if (
            uri is None
            or not self.client.versioned_edits
            or (lines is None and not self.client.creates_files)
        ):
            return None
        end = types.Position(lines.count if lines else 0, 0)
        change = types.TextEdit(types.Range(end, end), append.text if lines else append.text.lstrip())
        identifier = types.OptionalVersionedTextDocumentIdentifier(uri=uri)
        written = types.TextDocumentEdit(identifier, [change])
        if lines is not None:
            return types.WorkspaceEdit(document_changes=[written])
        made = types.CreateFile(uri, options=types.CreateFileOptions(ignore_if_exists=True))
        return types.WorkspaceEdit(document_changes=[made, written])
