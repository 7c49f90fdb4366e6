"""What is seen without asking: code lenses, inlay hints; and the pages that they open."""

from __future__ import annotations

import pytest
from lsp_talk import FULL, SMALL, Editor
from lsprotocol import types

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def lenses(editor: Editor, uri: str) -> list[types.Command]:
    params = types.CodeLensParams(types.TextDocumentIdentifier(uri))
    found = await editor.client.text_document_code_lens_async(params)
    resolved = [
        lens if lens.command else await editor.client.code_lens_resolve_async(lens) for lens in found or []
    ]
    return [lens.command for lens in resolved if lens.command]


async def hints(editor: Editor, uri: str) -> dict[int, str]:
    everywhere = types.Range(types.Position(0, 0), types.Position(1000, 0))
    params = types.InlayHintParams(types.TextDocumentIdentifier(uri), everywhere)
    found = await editor.client.text_document_inlay_hint_async(params)
    return {hint.position.line: str(hint.label) for hint in found or []}


async def run(editor: Editor, command: str, *arguments: object) -> str:
    params = types.ExecuteCommandParams(command, list(arguments))
    answer = await editor.client.workspace_execute_command_async(params)
    assert isinstance(answer, str)
    return answer


async def test_lenses_tell_the_verdict_and_offer_the_fix(editor: Editor) -> None:
    uri = await editor.open(FULL)
    fit, fix = await lenses(editor, uri)
    assert "of 23.5 GiB ✗ RTX 4090" in fit.title
    assert len(fit.title) < 60
    assert (fit.command, list(fit.arguments or ())) == ("vramlint.showBreakdown", [uri])
    assert fix.title.startswith("make it fit: ")
    assert "GiB" not in fix.title
    assert fix.command == "vramlint.makeItFit"
    await editor.change(uri, SMALL)
    (fit,) = await lenses(editor, uri)
    assert "✓ RTX 4090" in fit.title


async def test_no_lens_on_other_files(editor: Editor) -> None:
    uri = await editor.open("services:\n  web:\n    image: nginx\n", "compose.yaml")
    assert await lenses(editor, uri) == []
    assert await hints(editor, uri) == {}


async def test_hints_stand_at_their_keys(editor: Editor) -> None:
    uri = await editor.open(FULL)
    shown = await hints(editor, uri)
    lines = FULL.splitlines()
    by_key = {lines[line].partition(":")[0]: text for line, text in shown.items()}
    assert by_key["model"] == "⟶ 15.0 GiB of weights"
    assert by_key["optimizer"] == "⟶ 29.9 GiB of optimizer states"
    assert "of activations" in by_key["micro_batch_size"]


async def test_broken_text_keeps_the_lens_and_drops_the_hints(editor: Editor) -> None:
    uri = await editor.open(FULL)
    await editor.diagnostics(uri)
    await editor.replace(uri, "model: meta-llama/Llama-3.1-8B", 'model: "meta-ll')
    (fit,) = await lenses(editor, uri)
    assert fit.title.endswith("(as last parsed)")
    assert await hints(editor, uri) == {}


async def test_breakdown_and_debug_information(editor: Editor) -> None:
    uri = await editor.open(FULL)
    page = await run(editor, "vramlint.breakdown", uri)
    for part in (
        "# train.yaml",
        "does not fit",
        "| weights | 15.0 GiB |",
        "as nvidia-smi shows it",
        "## What was assumed",
    ):
        assert part in page
    about = await run(editor, "vramlint.debugInformation", uri)
    for part in ("position encoding", "utf-16", "job", "evidence", "RTX-4090 (directive)", "VL101"):
        assert part in about


async def test_breakdown_is_shown_by_editors_without_the_extension(editor: Editor) -> None:
    uri = await editor.open(FULL)
    params = types.ExecuteCommandParams("vramlint.showBreakdown", [uri])
    await editor.client.workspace_execute_command_async(params)
    await editor.until(lambda: editor.client.shown_documents, "page")
    assert editor.client.shown_documents[-1].uri.endswith("breakdown.md")


async def symbols(editor: Editor, uri: str) -> list[types.DocumentSymbol]:
    params = types.DocumentSymbolParams(types.TextDocumentIdentifier(uri))
    found = await editor.client.text_document_document_symbol_async(params)
    return [each for each in found or [] if isinstance(each, types.DocumentSymbol)]


async def test_the_outline_has_the_sizes(editor: Editor) -> None:
    uri = await editor.open(FULL)
    (run_symbol,) = await symbols(editor, uri)
    assert "of 23.5 GiB ✗ RTX 4090 · weights 15.0" in (run_symbol.detail or "")
    sizes = {each.name: each.detail for each in run_symbol.children or []}
    assert sizes["model"] == "15.0 GiB of weights"
    assert sizes["optimizer"] == "29.9 GiB of optimizer states"
    for each in run_symbol.children or []:
        line = FULL.splitlines()[each.range.start.line]
        assert line.startswith(each.name)
        assert each.range.end.character == len(line)
        assert run_symbol.range.start <= each.range.start  # type: ignore[operator]
    assert await symbols(editor, await editor.open("services: {}\n", "compose.yaml")) == []
