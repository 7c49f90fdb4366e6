"""What a request sees: one analysis of one version of one document, and the client it is for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lsprotocol import types
from pygls.uris import from_fs_path

from vramlint.dialects.kit.dialect import Dialect
from vramlint.document import Document
from vramlint.document.edit import TextEdit
from vramlint.document.node import Span
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.lint.finding import Append, Finding
from vramlint.lint.result import Analysis
from vramlint.lsp.cells import Cell
from vramlint.lsp.client import Client


@dataclass(frozen=True, slots=True)
class View:
    """An open document as analysed once per version.

    `shown` is the analysis whose figures are worth showing: this one, or while the text is broken the last
    that had an estimate; `whole` that of the last text without syntax problems.
    """

    uri: str
    version: int | None
    analysis: Analysis
    shown: Analysis
    whole: Analysis | None
    client: Client
    cell: Cell | None = None
    """The cell of a notebook that is looked at; positions are those in it."""
    cells: tuple[Cell, ...] = ()

    @property
    def document(self) -> Document:
        """The text as it is in the editor."""
        return self.analysis.document

    @property
    def stale(self) -> bool:
        """Whether the figures are those of an earlier text."""
        return self.shown is not self.analysis

    @property
    def dialect(self) -> Dialect | None:
        """The kind of config that the text is, or was when it last said enough."""
        return self.analysis.dialect or self.shown.dialect

    @property
    def unfit(self) -> Finding | None:
        """The finding that says that the run of the shown figures does not fit."""
        found = (each for each in self.shown.findings if each.name in ("does-not-fit", "tight-fit"))
        return next(found, None)

    def shows(self, span: Span) -> bool:
        """Whether a place of the text is in what the client looks at: all of it, or one cell."""
        return self.cell is None or self.cell.holds(span)

    def at(self, span: Span) -> View:
        """The same, looked at in the cell that holds a place."""
        cell = next((cell for cell in self.cells if cell.holds(span)), None)
        return self if cell is None else replace(self, uri=cell.uri, version=cell.version, cell=cell)

    def of(self, run: Analysis) -> View:
        """The same, looked at for one of the runs that the document describes."""
        return self if self.stale else replace(self, analysis=run, shown=run)

    def range(self, span: Span) -> types.Range:
        """Code points of the text → the client's positions."""
        return types.Range(self.position(span.start), self.position(span.end))

    def position(self, offset: int) -> types.Position:
        """One offset → the client's position."""
        if self.cell is not None:
            offset = min(max(offset, self.cell.span.start), self.cell.span.end)
        line, character = self.document.lines.line_character(offset, self.client.encoding)
        return types.Position(line - (self.cell.line if self.cell else 0), character)

    def offset(self, position: types.Position) -> int:
        """The client's position → an offset; past the end of a line it is the line's end."""
        line = position.line + (self.cell.line if self.cell else 0)
        return self.document.lines.offset(line, position.character, self.client.encoding)

    def workspace_edit(self, edits: Iterable[TextEdit]) -> types.WorkspaceEdit:
        """Edits of this document, tied to its version where the client can check it."""
        changes: dict[str, list[types.TextEdit]] = {}
        versions: dict[str, int | None] = {}
        for edit in edits:
            view = self.at(Span(edit.start, edit.end))
            edit = view.cell.edit(edit) if view.cell else edit
            written = types.TextEdit(view.range(Span(edit.start, edit.end)), edit.text)
            changes.setdefault(view.uri, []).append(written)
            versions[view.uri] = view.version
        if not self.client.versioned_edits:
            return types.WorkspaceEdit(changes=dict(changes))
        return types.WorkspaceEdit(
            document_changes=[
                types.TextDocumentEdit(
                    types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=versions[uri]), list(each)
                )
                for uri, each in changes.items()
            ]
        )

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
