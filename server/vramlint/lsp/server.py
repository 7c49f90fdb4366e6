"""The router: which message goes to which module. `main` runs the server on standard input and output."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from lsprotocol import types
from pygls.uris import to_fs_path

from vramlint.lsp import commands, estimates, notebooks
from vramlint.lsp.client import Client
from vramlint.lsp.code_action import KINDS, code_actions, resolve_code_action
from vramlint.lsp.code_lens import MAKE_IT_FIT, SHOW_BREAKDOWN, code_lenses, resolve_code_lens
from vramlint.lsp.complete_values import resolve_completion
from vramlint.lsp.completion import TRIGGERS, completions
from vramlint.lsp.diagnostics import diagnostics
from vramlint.lsp.hover import hover
from vramlint.lsp.inlay_hint import inlay_hints
from vramlint.lsp.language_server import Server
from vramlint.lsp.links import definition, document_links
from vramlint.lsp.pages import as_file
from vramlint.lsp.session import Session
from vramlint.lsp.settings import SECTION, as_mapping, ask_for_settings, register_for_changes
from vramlint.lsp.since_commit import COMPARE, SINCE_COMMIT
from vramlint.lsp.symbols import document_symbols
from vramlint.lsp.texts import keep_texts
from vramlint.lsp.view import View
from vramlint.project.settings import SETTINGS_FILES

Answer: TypeAlias = Callable[[Session, View, Any], Any]
REQUESTS: tuple[tuple[str, Answer, Any], ...] = (
    (types.TEXT_DOCUMENT_HOVER, hover, None),
    (types.TEXT_DOCUMENT_CODE_LENS, code_lenses, types.CodeLensOptions(resolve_provider=True)),
    (types.TEXT_DOCUMENT_INLAY_HINT, inlay_hints, None),
    (
        types.TEXT_DOCUMENT_COMPLETION,
        completions,
        types.CompletionOptions(trigger_characters=TRIGGERS, resolve_provider=True),
    ),
    (types.TEXT_DOCUMENT_DOCUMENT_LINK, document_links, None),
    (types.TEXT_DOCUMENT_DEFINITION, definition, None),
    (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, document_symbols, types.DocumentSymbolOptions(label="vramlint")),
)
"""Requests about one document, and who answers them."""


def create_server() -> Server:
    """A server with all its features."""
    server = Server()
    _lifecycle(server)
    _documents(server)
    notebooks.register(server)
    _surroundings(server)
    for method, answer, options in REQUESTS:
        _request(server, method, answer, options)
    _searches(server)
    estimates.register(server)
    _since_commit(server)
    return server


def _request(server: Server, method: str, answer: Answer, options: Any) -> None:
    @server.feature(method, options)
    def handle(ls: Server, params: Any) -> Any:
        view = ls.session.view(params.text_document.uri)
        return None if view is None else answer(ls.session, view, params)


def _searches(server: Server) -> None:
    """Requests that may have to search for fixes: they wait off the server's thread and can be cancelled."""
    options = types.CodeActionOptions(code_action_kinds=list(KINDS), resolve_provider=True)

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)
    async def actions(ls: Server, params: types.CodeActionParams) -> list[types.CodeAction] | None:
        view = ls.session.view(params.text_document.uri)
        return None if view is None else await code_actions(ls.session, view, params)

    @server.feature(types.CODE_ACTION_RESOLVE)
    def action(ls: Server, params: types.CodeAction) -> types.CodeAction:
        return resolve_code_action(ls.session, params)

    @server.feature(types.COMPLETION_ITEM_RESOLVE)
    def value(ls: Server, params: types.CompletionItem) -> types.CompletionItem:
        return resolve_completion(ls.session, params)

    @server.feature(types.CODE_LENS_RESOLVE)
    async def lens(ls: Server, params: types.CodeLens) -> types.CodeLens:
        return await resolve_code_lens(ls.session, params)


def _since_commit(server: Server) -> None:
    """What changed since the last commit, where the client says that the workspace is trusted."""

    @server.feature(SINCE_COMMIT)
    async def since_commit(ls: Server, params: object) -> dict[str, Any] | None:
        asked = as_mapping(params)
        return await ls.commits.difference(
            as_mapping(asked.get("textDocument")).get("uri"), asked.get("trusted")
        )

    @server.command(COMPARE)
    async def compare(ls: Server, *arguments: Any) -> str | None:
        uri, trusted = (*arguments, None, None)[:2]
        return await ls.commits.page(uri, trusted)


def _lifecycle(server: Server) -> None:
    @server.feature(types.INITIALIZE)
    def initialize(ls: Server, params: types.InitializeParams) -> None:
        keep_texts(ls.workspace)
        encoding = ls.workspace.position_encoding or types.PositionEncodingKind.Utf16
        ls.session.client = Client.of(params, str(getattr(encoding, "value", encoding)))
        options = as_mapping(params.initialization_options)
        ls.session.trusted = options.get("trusted") is True
        ls.session.configure({"": options})
        _follow_folders(ls)
        _commands(ls, set(options.get("clientCommands") or ()))
        if ls.session.client.pulls_diagnostics:
            _pull(ls)

    @server.feature(types.INITIALIZED)
    def initialized(ls: Server, params: types.InitializedParams) -> None:
        register_for_changes(ls)
        ask_for_settings(ls)

    @server.feature(types.SHUTDOWN)
    def shutdown(ls: Server, params: None) -> None:
        ls.was_shut_down = True

    @server.feature(types.EXIT)
    def exit_asked(ls: Server, params: None) -> None:
        ls.was_told_to_exit = True


def _documents(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(ls: Server, params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        ls.session.open(document.uri, document.language_id, document.version, document.text)
        ls.publisher.changed(document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(ls: Server, params: types.DidChangeTextDocumentParams) -> None:
        document = ls.workspace.get_text_document(params.text_document.uri)
        ls.session.change(params.text_document.uri, params.text_document.version, document.source)
        ls.publisher.changed(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(ls: Server, params: types.DidCloseTextDocumentParams) -> None:
        ls.session.close(params.text_document.uri)
        ls.unopened.changed()
        ls.publisher.closed(params.text_document.uri)


def _surroundings(server: Server) -> None:
    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def settings_changed(ls: Server, params: types.DidChangeConfigurationParams) -> None:
        if ls.session.client.configuration:
            ask_for_settings(ls)
        elif ls.session.configure({"": as_mapping(params.settings).get(SECTION)}):
            ls.publisher.recheck()

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def files_changed(ls: Server, params: types.DidChangeWatchedFilesParams) -> None:
        ls.unopened.changed()
        changed = {to_fs_path(change.uri): ls.session.is_open(change.uri) for change in params.changes}
        paths = {path for path, is_open in changed.items() if path and not is_open}
        names = {Path(path).name for path in paths}
        # Settings are read from the disk, those that are open in the editor too.
        names |= {Path(path).name for path in changed if path} & set(SETTINGS_FILES)
        if names & {*SETTINGS_FILES, "config.json"}:
            ls.publisher.recheck()
        elif users := {uri for path in paths for uri in ls.session.users_of(path)}:
            ls.publisher.recheck(users)

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def folders_changed(ls: Server, params: types.DidChangeWorkspaceFoldersParams) -> None:
        _follow_folders(ls)
        ls.publisher.recheck()
        ask_for_settings(ls)


def _follow_folders(server: Server) -> None:
    folders = [folder.uri for folder in server.workspace.folders.values()]
    root = server.workspace.root_uri
    server.session.set_folders(folders or ([root] if root else []))


def _pull(server: Server) -> None:
    """Diagnostics on request. Registered only for clients that ask, so that no other is told of it."""
    options = types.DiagnosticOptions(
        identifier="vramlint", inter_file_dependencies=True, workspace_diagnostics=True
    )

    @server.feature(types.TEXT_DOCUMENT_DIAGNOSTIC, options)
    def diagnostic(ls: Server, params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
        view = ls.session.view(params.text_document.uri)
        return types.RelatedFullDocumentDiagnosticReport(items=diagnostics(view) if view else [])

    @server.feature(types.WORKSPACE_DIAGNOSTIC)
    async def unopened(
        ls: Server, params: types.WorkspaceDiagnosticParams
    ) -> types.WorkspaceDiagnosticReport:
        return types.WorkspaceDiagnosticReport(items=await ls.unopened.answer(ls, params))


def _commands(server: Server, known_to_client: set[str]) -> None:
    """The commands. Those that the client says it runs itself are left to it."""

    def view_of(ls: Server, arguments: Sequence[Any]) -> View | None:
        return ls.session.view(str(arguments[0])) if arguments else None

    def show(ls: Server, *arguments: Any) -> None:
        view = view_of(ls, arguments)
        page = commands.breakdown_of(view) if view else None
        uri = as_file("breakdown.md", page) if page else None
        if uri is not None:
            ls.window_show_document(types.ShowDocumentParams(uri=uri, take_focus=True))

    def answer_breakdown(ls: Server, *arguments: Any) -> str | None:
        view = view_of(ls, arguments)
        return commands.breakdown_of(view) if view else None

    def answer_debug(ls: Server, *arguments: Any) -> str:
        return commands.debug_information(ls.session, view_of(ls, arguments))

    async def make_it_fit(ls: Server, *arguments: Any) -> None:
        view = view_of(ls, arguments)
        fix = await commands.best_fix(ls.session, view) if view else None
        if view is not None and fix is not None:
            edit = view.workspace_edit(fix.edits)
            ls.workspace_apply_edit(types.ApplyWorkspaceEditParams(edit=edit, label=fix.title))

    for name, run in (
        (SHOW_BREAKDOWN, show),
        (commands.BREAKDOWN, answer_breakdown),
        (commands.DEBUG_INFORMATION, answer_debug),
        (MAKE_IT_FIT, make_it_fit),
    ):
        if name not in known_to_client:
            server.command(name)(run)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve on standard input and output. 1 where the client exits without shutdown, as specified."""
    parser = argparse.ArgumentParser(
        prog="vramlint server", description="Start the language server on standard input and output."
    )
    parser.add_argument(
        "--stdio", action="store_true", help="use standard input and output (the only transport)"
    )
    parser.add_argument("--log-file", metavar="FILE", help="write the log there instead of standard error")
    parser.add_argument("--verbose", action="store_true", help="log more")
    options = parser.parse_args(arguments)
    logging.basicConfig(
        filename=options.log_file,  # standard error where none is named
        level=logging.INFO if options.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("pygls").setLevel(logging.WARNING)  # at INFO it logs every message body
    protocol_out, sys.stdout = sys.stdout.buffer, sys.stderr  # a stray print must not break the protocol
    server = create_server()
    server.start_io(sys.stdin.buffer, protocol_out)
    return 1 if server.was_told_to_exit and not server.was_shut_down else 0


if __name__ == "__main__":
    raise SystemExit(main())
