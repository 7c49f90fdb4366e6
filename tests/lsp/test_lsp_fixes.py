"""Quick fixes: what they promise is what the next check says."""

from __future__ import annotations

import pytest
from lsp_talk import FULL, SMALL, Editor
from lsprotocol import types

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOML = 'vramlint = 1\nmodel = "meta-llama/Llama-3.1-8B"\nmicro_batch_size = 64\ngpu = "RTX-4090"\n'
AXOLOTL = """\
# vramlint: gpu=RTX-4090
base_model: meta-llama/Llama-3.1-8B
sequence_len: 4096
micro_batch_size: 2
optimizer: adamw_torch_fused
bf16: auto
attn_implementation: flash_attention_2
"""
TOP = types.Range(types.Position(0, 0), types.Position(0, 0))


async def test_each_fix_of_a_run_that_does_not_fit_makes_it_fit(editor: Editor) -> None:
    uri = await editor.open(FULL)
    (found,) = await editor.diagnostics(uri)
    offered = [a for a in await editor.actions(uri, found.range) if "ignore" not in a.title]
    assert not [action.title for action in offered if action.is_preferred], "each changes what is trained"
    for index in range(len(offered)):
        await editor.change(uri, FULL)
        action = (await editor.actions(uri, found.range))[index]
        assert action.kind == types.CodeActionKind.QuickFix
        assert action.title.endswith("fits")
        assert "(changes the training): " in action.title
        assert action.diagnostics
        await editor.apply(uri, action.edit)
        assert "VL101" not in await editor.codes(uri), action.title


LONG = FULL.replace("RTX-4090", "A100-80GB")


async def test_fixes_that_keep_the_training_come_first_and_only_the_first_is_preferred(
    editor: Editor,
) -> None:
    uri = await editor.open(LONG)
    found = next(each for each in await editor.diagnostics(uri) if each.code in ("VL101", "VL102"))
    actions = [each for each in await editor.actions(uri, found.range) if "fits" in each.title]
    keeping = ["keeps the training the same" in each.title for each in actions]
    assert any(keeping)
    assert keeping == sorted(keeping, reverse=True)
    assert [bool(each.is_preferred) for each in actions] == [True] + [False] * (len(actions) - 1)


async def test_an_action_that_was_offered_for_an_earlier_text_has_no_edit(editor: Editor) -> None:
    uri = await editor.open(FULL)
    (found,) = await editor.diagnostics(uri)
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(uri), found.range, types.CodeActionContext(diagnostics=[])
    )
    offered = await editor.client.text_document_code_action_async(params)
    (ignore,) = [each for each in offered or [] if "ignore" in each.title]
    assert isinstance(ignore, types.CodeAction)
    assert ignore.edit is None
    await editor.change(uri, "\n" + FULL)
    assert (await editor.client.code_action_resolve_async(ignore)).edit is None


async def test_unknown_key_is_renamed(editor: Editor) -> None:
    uri = await editor.open(SMALL + "micro_batchsize: 2\n")
    (found,) = [d for d in await editor.diagnostics(uri) if d.code == "VL002"]
    action = (await editor.actions(uri, found.range))[0]
    await editor.apply(uri, action.edit)
    assert "VL002" not in await editor.codes(uri)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain.yaml", FULL),
        ("crlf.yaml", FULL.replace("\n", "\r\n")),
        ("commented.yaml", FULL.replace("micro_batch_size: 4", "micro_batch_size: 4  # as in the paper")),
        (
            "train.toml",
            'vramlint = 1\nmodel = "meta-llama/Llama-3.1-8B"\nmicro_batch_size = 64\ngpu = "RTX-4090"\n',
        ),
    ],
)
async def test_ignoring_one_finding(editor: Editor, name: str, text: str) -> None:
    uri = await editor.open(text, name)
    (found,) = [d for d in await editor.diagnostics(uri) if d.code == "VL101"]
    (ignore,) = [a for a in await editor.actions(uri, found.range) if a.title == "ignore VL101 on this line"]
    await editor.apply(uri, ignore.edit)
    assert "ignore[VL101]" in editor.texts[uri]
    assert await editor.codes(uri) == []


async def test_json_has_no_comment_to_ignore_with(editor: Editor) -> None:
    text = '{"vramlint": 1, "model": "meta-llama/Llama-3.1-8B", "micro_batch_size": 64, "gpu": "RTX-4090"}\n'
    uri = await editor.open(text, "train.json")
    (found,) = [d for d in await editor.diagnostics(uri) if d.code == "VL101"]
    assert not [a for a in await editor.actions(uri, found.range) if "ignore" in a.title]


async def test_declaring_a_gpu(editor: Editor) -> None:
    uri = await editor.open(FULL.partition("\n")[2])
    assert "VL101" not in await editor.codes(uri)
    offered = [a for a in await editor.actions(uri, TOP) if a.title.startswith("declare the GPU")]
    assert "RTX 4090 (23.5 GiB: does not fit)" in offered[0].title
    await editor.apply(uri, offered[0].edit)
    assert "VL101" in await editor.codes(uri)


async def test_fix_all_does_what_is_safe_when_asked(editor: Editor) -> None:
    everywhere = types.Range(types.Position(0, 0), types.Position(100, 0))
    text = SMALL.replace("RTX-4090", "RTX-4091") + "optimizer: adamw  # vramlint: ignore[VL003]\n"
    uri = await editor.open(text)
    assert sorted(await editor.codes(uri)) == ["VL901", "VL902"]
    assert all(action.kind == "quickfix" for action in await editor.actions(uri, everywhere))
    for wanted in ("source", "source.fixAll", "source.fixAll.vramlint"):
        (action,) = await editor.actions(uri, everywhere, [wanted])
        assert action.kind == "source.fixAll.vramlint"
    await editor.apply(uri, action.edit)
    assert await editor.codes(uri) == []
    await editor.change(uri, FULL)
    assert await editor.actions(uri, everywhere, ["source.fixAll.vramlint"]) == []


async def test_commands_have_the_editor_apply_their_edit(editor: Editor) -> None:
    applied: list[types.ApplyWorkspaceEditParams] = []

    @editor.client.feature(types.WORKSPACE_APPLY_EDIT)
    def apply(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        applied.append(params)
        return types.ApplyWorkspaceEditResult(applied=True)

    async def run(command: str, *arguments: object) -> str | None:
        applied.clear()
        params = types.ExecuteCommandParams(command, list(arguments))
        await editor.client.workspace_execute_command_async(params)
        (asked,) = applied  # before the command is answered
        await editor.apply(uri, asked.edit)
        return asked.label

    uri = await editor.open(FULL)
    await run("vramlint.makeItFit", uri)
    assert await editor.codes(uri) == []
    assert await run("vramlint.declareGpu", uri, "H100-80GB x4") == "declare the GPU: H100-80GB x4"
    assert editor.texts[uri].startswith("# vramlint: gpu=H100-80GB x4\n")


async def ask(
    editor: Editor, uri: str, where: types.Range, kind: types.CodeActionTriggerKind
) -> list[types.CodeAction]:
    context = types.CodeActionContext(diagnostics=[], trigger_kind=kind)
    params = types.CodeActionParams(types.TextDocumentIdentifier(uri), where, context)
    found = await editor.client.text_document_code_action_async(params)
    return [action for action in found or [] if isinstance(action, types.CodeAction)]


async def test_who_asks_waits_a_moment_and_then_asks_for_the_rest(editor: Editor) -> None:
    """A search that takes long is answered for by an action that is resolved; the second time it is there."""
    if not resolves(editor):
        return
    items = "".join(f"  - path: org/data-{number}\n    type: alpaca\n" for number in range(2_000))
    uri = await editor.open(f"{AXOLOTL}datasets:\n{items}")
    found = next(each for each in await editor.diagnostics(uri) if each.code == "VL101")
    offered = await ask(editor, uri, found.range, types.CodeActionTriggerKind.Invoked)
    assert offered[0].title == "make it fit: the change that does least"
    resolved = await editor.client.code_action_resolve_async(offered[0])
    named = await ask(editor, uri, found.range, types.CodeActionTriggerKind.Invoked)
    assert "fits" in named[0].title
    assert resolved.edit == named[0].edit


def resolves(editor: Editor) -> bool:
    """Whether the client asks for an edit when it is chosen."""
    capabilities = editor.client.capabilities
    text = capabilities.text_document if capabilities else None
    actions = text.code_action if text else None
    supported = actions.resolve_support if actions else None
    return supported is not None and "edit" in supported.properties


async def test_a_light_bulb_waits_for_no_search(editor: Editor) -> None:
    """Asked by the editor itself, one action stands for the fixes; they are there when the user asks."""
    uri = await editor.open(FULL)
    (found,) = await editor.diagnostics(uri)
    offered = await ask(editor, uri, found.range, types.CodeActionTriggerKind.Automatic)
    if not resolves(editor):
        assert "fits" in offered[0].title
        return
    assert offered[0].title == "make it fit: the change that does least"
    assert offered[0].edit is None
    resolved = await editor.client.code_action_resolve_async(offered[0])
    named = await ask(editor, uri, found.range, types.CodeActionTriggerKind.Invoked)
    assert "fits" in named[0].title
    assert resolved.edit == named[0].edit
    await editor.apply(uri, resolved.edit)
    assert "VL101" not in await editor.codes(uri)
