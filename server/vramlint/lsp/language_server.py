"""The server object: pygls' server with our state, and our protocol details."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol
from pygls.protocol.language_server import lsp_method

from vramlint import __version__
from vramlint.lsp.client import prefer_utf16
from vramlint.lsp.publish import Publisher
from vramlint.lsp.session import Session

log = logging.getLogger("vramlint.lsp")


class Protocol(LanguageServerProtocol):
    """pygls' protocol, with UTF-16 preferred to whatever the client names first."""

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        """Choose the encoding, then do as pygls does."""
        prefer_utf16(params)
        return (yield from super().lsp_initialize(params))


class Server(LanguageServer):
    """The language server. Handlers are quick and run one after the other, in the order of the messages."""

    def __init__(self) -> None:
        # Two workers: pygls reads standard input with them, nothing else runs there.
        super().__init__(
            "vramlint",
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.Full,
            protocol_cls=Protocol,
            max_workers=2,
        )
        self.session = Session()
        self.publisher = Publisher(self, self.session)
        self.was_shut_down = False
        self.was_told_to_exit = False

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Errors go to the log: a pop-up at each keystroke helps nobody."""
        log.error("%s: %s", getattr(source, "__name__", source), error, exc_info=error)
