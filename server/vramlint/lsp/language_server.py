"""The server object: pygls' server with our state."""

from __future__ import annotations

import asyncio
import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from vramlint import __version__
from vramlint.lsp.offers import SYNC
from vramlint.lsp.protocol import Protocol, lenient_converter
from vramlint.lsp.publish import Publisher
from vramlint.lsp.session import Session
from vramlint.lsp.workspace_diagnostics import WorkspaceDiagnostics

if TYPE_CHECKING:
    from vramlint.lsp.since_commit import Commits

log = logging.getLogger("vramlint.lsp")


class Server(LanguageServer):
    """The language server. Handlers are quick and run one after the other, in the order of the messages."""

    def __init__(self) -> None:
        # Two workers: pygls reads standard input with them, nothing else runs there.
        super().__init__(
            "vramlint",
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
            notebook_document_sync=SYNC,
            protocol_cls=Protocol,
            converter_factory=lenient_converter,
            max_workers=2,
        )
        self.session = Session()
        self.publisher = Publisher(self, self.session)
        self.unopened = WorkspaceDiagnostics(self.session)
        self.publisher.on_recheck = self.unopened.changed
        self.parent: asyncio.Task[None] | None = None
        """Looks after the editor that started the server."""
        self.was_shut_down = False
        self.was_told_to_exit = False

    @cached_property
    def commits(self) -> Commits:
        """The committed runs of documents."""
        from vramlint.lsp.since_commit import Commits  # late: `initialize` does not wait for it

        return Commits(self.session)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Errors go to the log: a pop-up at each keystroke helps nobody."""
        log.error("%s: %s", getattr(source, "__name__", source), error, exc_info=error)
