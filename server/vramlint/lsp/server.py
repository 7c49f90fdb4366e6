"""The router: which message goes to which module. `main` runs the server on standard input and output."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.uris import to_fs_path

from vramlint.garbage import collect_seldom
from vramlint.lsp import notebooks, pages
from vramlint.lsp.client import Client, as_mapping
from vramlint.lsp.language_server import Server
from vramlint.lsp.offers import (
    ADD_MODEL,
    BREAKDOWN,
    COMPARE,
    DEBUG_INFORMATION,
    DECLARE_GPU,
    ESTIMATE,
    GPUS,
    KINDS,
    MAKE_IT_FIT,
    MAXIMIZE,
    OFFERS,
    SHOW_BREAKDOWN,
    SINCE_COMMIT,
    WHAT_IF,
)
from vramlint.lsp.parent import watch
from vramlint.lsp.settings import SECTION, ask_for_settings, register_for_changes
from vramlint.lsp.texts import keep_texts
from vramlint.project.settings import SETTINGS_FILES

if TYPE_CHECKING:
    from vramlint.lsp.view import View


def create_server() -> Server:
    """A server with all its features. What answers them is loaded with the first document."""
    server = Server()
    _lifecycle(server)
    _documents(server)
    notebooks.register(server)
    _surroundings(server)
    for method, options in OFFERS.items():
        _request(server, method, options)
    _searches(server)
    _estimates(server)
    return server


def load() -> None:
    """Load what answers requests, on the server's thread: of two threads that import one package, one may
    find a module half made. The collector then leaves alone what stays, and comes less often.
    """
    from vramlint.lsp import answers, code_action, commands, estimates, since_commit  # noqa: F401

    collect_seldom()


def _request(server: Server, method: str, options: Any) -> None:
    @server.feature(method, options)
    def handle(ls: Server, params: Any) -> Any:
        from vramlint.lsp.answers import ANSWERS  # here and below late: `initialize` waits for none of it

        view = ls.session.view(params.text_document.uri)
        return None if view is None else ANSWERS[method](ls.session, view, params)


def _searches(server: Server) -> None:
    """Requests that may have to search for fixes: they wait off the server's thread and can be cancelled."""
    options = types.CodeActionOptions(code_action_kinds=list(KINDS), resolve_provider=True)

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)
    async def actions(ls: Server, params: types.CodeActionParams) -> list[types.CodeAction] | None:
        from vramlint.lsp.code_action import code_actions

        view = ls.session.view(params.text_document.uri)
        return None if view is None else await code_actions(ls.session, view, params)

    @server.feature(types.CODE_ACTION_RESOLVE)
    async def action(ls: Server, params: types.CodeAction) -> types.CodeAction:
        from vramlint.lsp.code_action import resolve_code_action

        return await resolve_code_action(ls.session, params)

    @server.feature(types.COMPLETION_ITEM_RESOLVE)
    def value(ls: Server, params: types.CompletionItem) -> types.CompletionItem:
        from vramlint.lsp.complete_values import resolve_completion

        return resolve_completion(ls.session, params)

    @server.feature(types.CODE_LENS_RESOLVE)
    async def lens(ls: Server, params: types.CodeLens) -> types.CodeLens:
        from vramlint.lsp.code_lens import resolve_code_lens

        return await resolve_code_lens(ls.session, params)


def _estimates(server: Server) -> None:
    """Requests of our own. docs/editor.md describes what goes in and what comes out."""

    @server.feature(ESTIMATE)
    async def estimate(ls: Server, params: object) -> dict[str, Any] | None:
        from vramlint.lsp import estimates

        return await estimates.estimate(ls.session, params)

    @server.feature(WHAT_IF)
    def what_if(ls: Server, params: object) -> dict[str, Any] | None:
        from vramlint.lsp import estimates

        return estimates.what_if(ls.session, params)

    @server.feature(GPUS)
    def gpus(ls: Server, params: object) -> dict[str, Any]:
        from vramlint.lsp import estimates

        return estimates.gpus(ls.session, params)

    @server.feature(SINCE_COMMIT)
    async def since_commit(ls: Server, params: object) -> dict[str, Any] | None:
        asked = as_mapping(params)
        uri = as_mapping(asked.get("textDocument")).get("uri")
        return await ls.commits.difference(uri, asked.get("trusted"))

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
        ls.parent = watch(params.process_id)
        _commands(ls, set(options.get("clientCommands") or ()))
        if ls.session.client.pulls_diagnostics:
            _pull(ls)

    @server.feature(types.INITIALIZED)
    def initialized(ls: Server, params: types.InitializedParams) -> None:
        register_for_changes(ls)
        ask_for_settings(ls)
        asyncio.get_running_loop().call_soon(load)

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
        from vramlint.lsp.diagnostics import diagnostics

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
        from vramlint.lsp import commands
        from vramlint.lsp.pages import as_file

        view = view_of(ls, arguments)
        page = commands.breakdown_of(view) if view else None
        uri = as_file("breakdown.md", page) if page else None
        if uri is not None:
            ls.window_show_document(types.ShowDocumentParams(uri=uri, take_focus=True))

    def answer_breakdown(ls: Server, *arguments: Any) -> str | None:
        from vramlint.lsp import commands

        view = view_of(ls, arguments)
        return commands.breakdown_of(view) if view else None

    def answer_debug(ls: Server, *arguments: Any) -> str:
        from vramlint.lsp import commands

        return commands.debug_information(ls.session, view_of(ls, arguments))

    async def make_it_fit(ls: Server, *arguments: Any) -> None:
        from vramlint.lsp import commands

        view = view_of(ls, arguments)
        fix = await commands.best_fix(ls.session, view) if view else None
        if view is not None and fix is not None:
            edit = view.workspace_edit(fix.edits)
            ls.workspace_apply_edit(types.ApplyWorkspaceEditParams(edit=edit, label=fix.title))

    async def add(ls: Server, *arguments: Any) -> None:
        from vramlint.lsp.add_model import add_model

        await add_model(ls, *arguments)

    async def maximize(ls: Server, *arguments: Any) -> bool:
        from vramlint.lsp import commands

        view, field = view_of(ls, arguments), (*arguments, None, None)[1]
        return apply(ls, await commands.largest_edit(view, field) if view else None, f"largest {field}")

    def declare_gpu(ls: Server, *arguments: Any) -> bool:
        from vramlint.lsp import commands

        view, gpu = view_of(ls, arguments), (*arguments, None, None)[1]
        return apply(ls, commands.gpu_edit(view, gpu) if view else None, f"declare the GPU: {gpu}")

    def apply(ls: Server, edit: types.WorkspaceEdit | None, label: str) -> bool:
        if edit is not None:
            ls.workspace_apply_edit(types.ApplyWorkspaceEditParams(edit=edit, label=label))
        return edit is not None

    for name, run in (
        (SHOW_BREAKDOWN, show),
        (BREAKDOWN, answer_breakdown),
        (DEBUG_INFORMATION, answer_debug),
        (MAKE_IT_FIT, make_it_fit),
        (ADD_MODEL, add),
        (MAXIMIZE, maximize),
        (DECLARE_GPU, declare_gpu),
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
    pages.remove()
    return 1 if server.was_told_to_exit and not server.was_shut_down else 0


if __name__ == "__main__":
    raise SystemExit(main())
