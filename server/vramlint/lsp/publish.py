"""When diagnostics go out: pushed after every change, or pulled by the client, never both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.uris import to_fs_path

from vramlint.lsp.background import beside
from vramlint.lsp.session import Session

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

QUICK = 0.02
"""Processor seconds. A document that was analysed in no more is analysed at every keystroke, others later."""
PAUSE = 0.05
SETTLE = 0.3
"""Seconds without a change after which verdicts that the count leaves open are worked out."""


class Publisher:
    """Sends diagnostics, and tells the client when what it pulled or drew is out of date."""

    def __init__(self, server: LanguageServer, session: Session) -> None:
        self._server = server
        self._session = session
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._settling: dict[str, asyncio.TimerHandle] = {}
        self._due: dict[str, None] = {}
        """Documents whose diagnostics are to go out anew."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_recheck: Callable[[], None] = lambda: None
        """Told that what documents depend on is new."""

    def changed(self, uri: str) -> None:
        """A document was opened or changed: its own diagnostics, and those of the documents that read it."""
        if not self._session.client.pulls_diagnostics:
            self._cancel(uri)
            if self._session.cost(uri) > QUICK:
                loop = asyncio.get_running_loop()
                self._waiting[uri] = loop.call_later(PAUSE, self._send, uri)
            else:
                self._send(uri)
        self._settle_later(uri)
        path = to_fs_path(uri)
        users = tuple(self._session.users_of(path)) if path else ()
        if users:
            self.recheck(users)

    def closed(self, uri: str) -> None:
        """A document was closed: nothing is shown for it any more."""
        self._cancel(uri)
        if (timer := self._settling.pop(uri, None)) is not None:
            timer.cancel()
        if not self._session.client.pulls_diagnostics:
            empty = types.PublishDiagnosticsParams(uri=uri, diagnostics=[])
            self._server.text_document_publish_diagnostics(empty)

    def recheck(self, uris: Iterable[str] | None = None) -> None:
        """What these documents (or all) depend on has changed, not they themselves."""
        self._session.forget(uris)
        self.on_recheck()
        concerned = self._session.uris() if uris is None else tuple(uris)
        self._show(concerned)
        for uri in concerned:
            self._settle_later(uri)

    def _show(self, uris: Iterable[str]) -> None:
        """Send what is found in these documents, or have the client ask for it, and for what it drew."""
        client = self._session.client
        if client.pulls_diagnostics:
            if client.refreshes_diagnostics:
                self._server.workspace_diagnostic_refresh(None)
        else:
            self._send_in_turn(uris)
        if client.refreshes_code_lens:
            self._server.workspace_code_lens_refresh(None)
        if client.refreshes_inlay_hints:
            self._server.workspace_inlay_hint_refresh(None)

    def _send_in_turn(self, uris: Iterable[str]) -> None:
        """One document after the other, and between two of them whatever the client asks: a thousand open
        ones make no hover wait.
        """
        idle = not self._due
        self._due.update(dict.fromkeys(uris))
        if idle and self._due:
            self._send_next()

    def _send_next(self) -> None:
        uri = next(iter(self._due), None)
        if uri is None:
            return
        del self._due[uri]
        self._send(uri)
        if self._due:
            asyncio.get_running_loop().call_soon(self._send_next)

    def _settle_later(self, uri: str) -> None:
        """Work out the verdicts that the count leaves open once the typing pauses."""
        if (timer := self._settling.pop(uri, None)) is not None:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._settling[uri] = loop.call_later(SETTLE, self._start_settling, uri)

    def _start_settling(self, uri: str) -> None:
        del self._settling[uri]
        task = asyncio.get_running_loop().create_task(self._settle(uri))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self, uri: str) -> None:
        view, work = self._session.view(uri), self._session.unsettled(uri)
        if view is not None and work is not None:
            settled = await beside(work)
            if self._session.settle(uri, view.analysis, settled):
                self._show((uri,))

    def _send(self, uri: str) -> None:
        from vramlint.lsp.diagnostics import diagnostics  # late: `initialize` does not wait for it

        self._waiting.pop(uri, None)
        for part in self._session.parts(uri):
            view = self._session.view(part)
            if view is not None:
                self._server.text_document_publish_diagnostics(
                    types.PublishDiagnosticsParams(
                        uri=view.uri, version=view.version, diagnostics=diagnostics(view)
                    )
                )

    def _cancel(self, uri: str) -> None:
        if (timer := self._waiting.pop(uri, None)) is not None:
            timer.cancel()
