"""A launch script in the editor: squiggles, hovers and fixes at its words."""

from __future__ import annotations

import pytest
from lsp_talk import Editor
from lsprotocol import types

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = """#!/bin/bash
# vramlint: gpu=RTX-4090
BATCH=${BATCH:-4}
CUDA_VISIBLE_DEVICES=0 llamafactory-cli train \\
    --model_name_or_path Qwen/Qwen2.5-7B \\
    --stage sft --finetuning_type lora \\
    --cutoff_len 4096 \\
    --per_device_train_batch_size $BATCH --bf16
"""


async def test_squiggle_hover_and_fix_are_at_the_words_of_the_line(editor: Editor) -> None:
    uri = await editor.open(SCRIPT, "run.sh")
    (found,) = [each for each in await editor.diagnostics(uri) if each.code == "VL101"]
    assert (found.range.start.line, found.range.start.character) == (2, 15)
    hover = await editor.hover(uri, "4096")
    assert hover is not None
    assert "cutoff_len" in hover
    assert await editor.hover(uri, "bin/bash") is None
    assert [each for each in await editor.actions(uri, found.range) if "fits" in each.title]


async def test_a_script_that_starts_nothing_is_left_alone(editor: Editor) -> None:
    uri = await editor.open("echo hello\n", "other.sh")
    assert await editor.codes(uri) == []


async def test_a_changed_companion_has_its_scripts_checked_again(editor: Editor) -> None:
    config = "per_device_train_batch_size: {}\nmax_length: 4096\n"
    companion = await editor.open(config.format(8), "sizes.yaml")
    program = (
        "# vramlint: gpu=RTX-4090\nimport yaml\nfrom peft import LoraConfig\n"
        "from trl import SFTConfig, SFTTrainer\n"
        'cfg = yaml.safe_load(open("sizes.yaml"))\n'
        'args = SFTConfig(model_init_kwargs={"dtype": "bfloat16"}, **cfg)\n'
        'SFTTrainer("Qwen/Qwen2.5-7B", args, peft_config=LoraConfig()).train()\n'
    )
    uri = await editor.open(program, "sft.py")
    assert "VL101" in await editor.codes(uri)
    editor.client.diagnostics.pop(uri, None)
    await editor.change(companion, config.format(1))
    assert "VL101" not in await editor.codes(uri)


TWO = """# vramlint: gpu=RTX-4090
trl sft --dataset_name x --use_peft --model_name_or_path Qwen/Qwen2.5-0.5B
trl sft --dataset_name x --use_peft --model_name_or_path Qwen/Qwen2.5-1.5B
"""


async def test_each_of_several_runs_has_its_own_figures(editor: Editor) -> None:
    uri = await editor.open(TWO, "two.sh")
    for name in ("Qwen2.5 0.5B", "Qwen2.5 1.5B"):
        hover = await editor.hover(uri, f"Qwen/{name.replace(' ', '-')}")
        assert hover is not None
        assert hover.startswith(f"**{name}**")
    lenses = await editor.client.text_document_code_lens_async(
        types.CodeLensParams(types.TextDocumentIdentifier(uri))
    )
    titles = {lens.range.start.line: lens.command.title for lens in lenses or () if lens.command}
    assert titles.keys() == {1, 2}
    assert titles[1] != titles[2]
    everything = types.Range(types.Position(0, 0), types.Position(9, 0))
    hints = await editor.client.text_document_inlay_hint_async(
        types.InlayHintParams(types.TextDocumentIdentifier(uri), everything)
    )
    assert {hint.position.line for hint in hints or ()} == {1, 2}
