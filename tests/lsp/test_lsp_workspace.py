"""What surrounds a document: companions, settings files, the editor's settings; and the process itself."""

from __future__ import annotations

import json

import pytest
from lsp_talk import FULL, SMALL, Editor
from lsprotocol import types

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRL = """\
# vramlint: gpu=A100-80GB x8
model_name_or_path: meta-llama/Llama-3.1-8B
dataset_name: trl-lib/Capybara
per_device_train_batch_size: 1
max_length: 2048
gradient_checkpointing: true
bf16: true
learning_rate: 2.0e-5
deepspeed: zero.json
"""
ZERO = {
    "zero_optimization": {"stage": 3},
    "bf16": {"enabled": True},
    "train_micro_batch_size_per_gpu": "auto",
}


async def page(editor: Editor, uri: str) -> str:
    params = types.ExecuteCommandParams("vramlint.breakdown", [uri])
    return str(await editor.client.workspace_execute_command_async(params))


async def test_editing_a_companion_checks_its_users_again(editor: Editor) -> None:
    companion = await editor.open(json.dumps(ZERO), "zero.json")
    uri = await editor.open(TRL)
    await editor.diagnostics(uri)
    before = await page(editor, uri)
    editor.client.diagnostics.pop(uri, None)
    await editor.change(companion, json.dumps(ZERO | {"zero_optimization": {"stage": 0}}))
    if not editor.pulls:
        await editor.until(lambda: uri in editor.client.diagnostics, "new list for the user")
    assert await page(editor, uri) != before


async def test_a_companion_on_disk_that_changes(editor: Editor) -> None:
    file = editor.folder / "zero.json"
    file.write_text(json.dumps(ZERO))
    uri = await editor.open(TRL)
    await editor.diagnostics(uri)
    before = await page(editor, uri)
    file.write_text(json.dumps(ZERO | {"zero_optimization": {"stage": 0}}))
    event = types.FileEvent(file.as_uri(), types.FileChangeType.Changed)
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
    assert await page(editor, uri) != before


async def test_links_and_definitions_lead_to_companions_and_the_model(editor: Editor) -> None:
    (editor.folder / "zero.json").write_text(json.dumps(ZERO))
    uri = await editor.open(TRL)
    identifier = types.TextDocumentIdentifier(uri)
    links = await editor.client.text_document_document_link_async(types.DocumentLinkParams(identifier))
    targets = {link.target for link in links or []}
    assert targets == {
        (editor.folder / "zero.json").as_uri(),
        "https://huggingface.co/meta-llama/Llama-3.1-8B",
    }
    where = types.DefinitionParams(identifier, editor.position(uri, "zero.json"))
    found = await editor.client.text_document_definition_async(where)
    assert isinstance(found, list | tuple)
    (place,) = found
    assert isinstance(place, types.Location)
    assert place.uri == (editor.folder / "zero.json").as_uri()
    line = (editor.folder / "zero.json").read_text().splitlines()[place.range.start.line]
    assert line[place.range.start.character :].startswith('"stage"')


async def test_a_settings_file_that_appears(editor: Editor) -> None:
    uri = await editor.open(FULL.partition("\n")[2])
    assert "VL101" not in await editor.codes(uri)
    file = editor.folder / "vramlint.toml"
    file.write_text('gpu = "RTX-4090"\n')
    editor.client.diagnostics.pop(uri, None)
    event = types.FileEvent(file.as_uri(), types.FileChangeType.Created)
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
    assert "VL101" in await editor.codes(uri)


async def test_the_editors_gpu_beats_the_comment(editor: Editor) -> None:
    uri = await editor.open(FULL)
    assert "RTX 4090" in (await editor.diagnostics(uri))[0].message
    editor.client.diagnostics.pop(uri, None)
    editor.client.set_configuration({"vramlint": {"gpu": "A100-80GB"}})
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=None))
    if editor.pulls:  # the answer to the server's question overtakes nothing: wait for it
        await editor.until(lambda: True, "settings")
        for _ in range(100):
            if "A100" in (await editor.diagnostics(uri))[0].message:
                break
    assert "A100" in (await editor.diagnostics(uri))[0].message


async def test_settings_of_another_type_are_harmless(editor: Editor) -> None:
    editor.client.set_configuration({"vramlint": {"gpu": 7, "versions": ["x"]}})
    editor.client.workspace_did_change_configuration(
        types.DidChangeConfigurationParams(settings={"vramlint": 3})
    )
    uri = await editor.open(SMALL)
    assert await editor.codes(uri) == []


async def test_unknown_documents_are_answered_with_nothing(editor: Editor) -> None:
    params = types.HoverParams(types.TextDocumentIdentifier("file:///nowhere.yaml"), types.Position(3, 3))
    assert await editor.client.text_document_hover_async(params) is None


async def test_untitled_documents(editor: Editor) -> None:
    item = types.TextDocumentItem("untitled:Untitled-1", "yaml", 1, FULL)
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    assert await editor.codes("untitled:Untitled-1") == ["VL101"]
