"""A launch script in the editor: squiggles, hovers and fixes at its words."""

from __future__ import annotations

import pytest
from lsp_talk import Editor

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
