"""The texts of open documents, edited by ranges.

pygls splits lines as Python does, at form feeds and NEL as well, and so applies an edit at the wrong place;
the protocol knows LF, CRLF and CR alone.
"""

from __future__ import annotations

from functools import partial

from lsprotocol import types
from pygls.workspace import TextDocument, Workspace


class Text(TextDocument):
    """A text whose lines end where the protocol says."""

    def _apply_incremental_change(self, change: types.TextDocumentContentChangePartial) -> None:
        from vramlint.document.lines import LineIndex  # late: `initialize` waits for none of it

        source, encoding = self.source, self.position_codec.encoding
        lines = LineIndex(source)
        units = str(getattr(encoding, "value", encoding))
        start, end = (
            lines.offset(place.line, place.character, units)
            for place in (change.range.start, change.range.end)
        )
        self._source = source[:start] + change.text + source[max(start, end) :]


def keep_texts(workspace: Workspace) -> None:
    """Have a workspace keep its documents as such texts."""
    made = partial(
        Text,
        sync_kind=types.TextDocumentSyncKind.Incremental,
        position_codec=workspace.position_codec,
    )

    def create(
        uri: str, source: str | None = None, version: int | None = None, language_id: str | None = None
    ) -> TextDocument:
        return made(uri, source=source, version=version, language_id=language_id)

    setattr(workspace, "_create_text_document", create)  # noqa: B010, a method, for mypy
