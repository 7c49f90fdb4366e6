"""The quick fix that asks the hub for an unknown model, by a command that the user runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsp_talk import Editor
from lsprotocol import types

from vramlint.document.node import Span
from vramlint.lsp import add_model
from vramlint.lsp.code_action import code_actions
from vramlint.lsp.session import Session

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "vramlint: 1\nmodel: acme/unheard-of\n"


async def offered(editor: Editor, text: str, name: str) -> tuple[str, list[types.CodeAction | types.Command]]:
    """What is offered to ask the hub. lsprotocol takes an action with a command for a command."""
    uri = await editor.open(text, name)
    (found,) = [d for d in await editor.diagnostics(uri) if d.code == "VL903"]
    context = types.CodeActionContext(diagnostics=[])
    params = types.CodeActionParams(types.TextDocumentIdentifier(uri), found.range, context)
    actions = await editor.client.text_document_code_action_async(params)
    return uri, [each for each in actions or [] if each.title.startswith("ask the hub once")]


async def test_the_action_runs_a_command_and_edits_nothing(editor: Editor) -> None:
    _, (action,) = await offered(editor, TEXT, "added/train.yaml")
    assert "acme/unheard-of" in action.title
    assert getattr(action, "edit", None) is None


async def test_a_path_is_asked_of_nobody(editor: Editor) -> None:
    text = TEXT.replace("acme/unheard-of", "/models/unheard-of")
    assert (await offered(editor, text, "added/path.yaml"))[1] == []


async def test_a_workspace_that_is_not_trusted_asks_nobody(tmp_path: Path) -> None:
    session = Session()
    uri = (tmp_path / "train.yaml").as_uri()
    session.open(uri, "yaml", 1, TEXT)
    view = session.view(uri)
    assert view is not None
    places = view.range(Span(0, len(TEXT)))
    titles = []
    for session.trusted in (False, True):
        actions = await code_actions(
            session,
            view,
            types.CodeActionParams(types.TextDocumentIdentifier(uri), places, types.CodeActionContext([])),
        )
        titles.append([each.title for each in actions if each.title.startswith("ask the hub once")])
    assert titles[0] == []
    assert len(titles[1]) == 1


async def test_the_command_writes_beside_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = '{"model_type": "llama", "hidden_size": 8}'
    monkeypatch.setattr("vramlint.catalog.fetch.fetch_config", lambda name: config)
    said = add_model._added(str(tmp_path / "train.yaml"), "acme/tiny")
    assert said == "written to acme--tiny.json, named in vramlint.toml"
    assert (tmp_path / ".vramlint/models/acme--tiny.json").read_text() == config + "\n"
