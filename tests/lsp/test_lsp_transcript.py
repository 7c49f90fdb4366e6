"""What VS Code is told of an example of each kind of document, as text that a reader can review."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lsp_talk import Editor
from transcript import transcript

pytestmark = pytest.mark.asyncio(loop_scope="module")
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    "name",
    [
        "axolotl-llama-3.1-8b-full.yaml",
        "deepspeed-zero3/zero3.json",
        "textbook-1.5b.job.yaml",
        "torchtitan-llama3-8b.toml",
        "trl-qwen2.5-7b-lora.sh",
        "trl-sft-tight.yaml",
    ],
)
async def test_what_the_editor_is_told(
    editor: Editor, name: str, snapshot: Callable[[str, str], None]
) -> None:
    if editor.pulls:
        pytest.skip("one editor's answers are enough to read")
    uri = await editor.open((EXAMPLES / name).read_text(encoding="utf-8"), Path(name).name)
    snapshot(f"{Path(name).stem}.txt", await transcript(editor, uri))
