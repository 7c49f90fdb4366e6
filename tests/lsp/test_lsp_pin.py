"""The quick fix that writes an unknown model into the project's settings."""

from __future__ import annotations

import pytest
from lsp_talk import Editor
from lsprotocol import types

from vramlint.project.settings import parse_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "vramlint: 1\nmodel: mistralai/Mistral-7B-v0.l\n"


async def test_a_pin_goes_into_the_settings_file(editor: Editor) -> None:
    uri = await editor.open(TEXT, "pinned/train.yaml")
    (found,) = [d for d in await editor.diagnostics(uri) if d.code == "VL903"]
    offered = [a for a in await editor.actions(uri, found.range) if "has the shapes of" in a.title]
    capabilities = editor.client.capabilities
    assert capabilities is not None
    edits = capabilities.workspace.workspace_edit if capabilities.workspace else None
    if edits is None or not edits.document_changes or "create" not in (edits.resource_operations or ()):
        assert not offered
        return
    assert offered
    edit = offered[0].edit
    assert edit is not None
    assert edit.document_changes is not None
    *made, written = edit.document_changes
    assert [type(step) for step in made] == [types.CreateFile]
    assert isinstance(written, types.TextDocumentEdit)
    assert written.text_document.uri.endswith("/vramlint.toml")
    (insertion,) = written.edits
    assert isinstance(insertion, types.TextEdit)
    settings = parse_settings(insertion.new_text, "vramlint.toml")
    assert settings is not None
    assert not settings.problems
    assert list(settings.models) == ["mistralai/Mistral-7B-v0.l"]
