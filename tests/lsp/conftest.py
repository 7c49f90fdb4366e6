"""A real server on standard input and output, spoken to as two editors do."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from lsp_talk import SENT, Editor
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities
from pytest_lsp.client import default_feature

COMMAND = [sys.executable, "-m", "vramlint", "server"]


@default_feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
def keep_diagnostics(client: LanguageClient, params: types.PublishDiagnosticsParams) -> None:
    """What was on its way while the user typed, for a version that is no more, is not shown."""
    if params.version is None or params.version >= SENT.get(params.uri, 0):
        client.diagnostics[params.uri] = params.diagnostics


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the server has: what other tests leave behind launches nothing in it."""
    return tmp_path_factory.mktemp("workspace")


@pytest_lsp.fixture(
    config=ClientServerConfig(server_command=COMMAND),
    params=["visual-studio-code", "neovim"],
    scope="module",
)
async def client(
    request: pytest.FixtureRequest, lsp_client: LanguageClient, workspace: Path
) -> AsyncIterator[None]:
    """A server for the tests of one module. VS Code is pushed diagnostics, Neovim pulls them."""

    @lsp_client.feature(types.CLIENT_REGISTER_CAPABILITY)
    @lsp_client.feature(types.WORKSPACE_CODE_LENS_REFRESH)
    @lsp_client.feature(types.WORKSPACE_INLAY_HINT_REFRESH)
    def agree(*params: object) -> None:
        """Editors do as they are asked."""

    await lsp_client.initialize_session(
        types.InitializeParams(
            capabilities=client_capabilities(request.param),
            process_id=None,
            workspace_folders=[types.WorkspaceFolder(uri=workspace.as_uri(), name="folder")],
            initialization_options={"trusted": True},
        )
    )
    yield
    await lsp_client.shutdown_session()


@pytest.fixture
def editor(client: LanguageClient, workspace: Path, tmp_path: Path) -> Editor:
    """The session in an editor's words, in a folder of the test's own and with no settings."""
    client.set_configuration({"vramlint": {}})
    client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=None))
    folder = workspace / tmp_path.name
    folder.mkdir()
    return Editor(client, folder)
