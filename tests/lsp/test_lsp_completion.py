"""Completion, while typing: the text hardly ever parses."""

from __future__ import annotations

import pytest
from lsp_talk import FULL, SMALL, Editor
from lsprotocol import types

pytestmark = pytest.mark.asyncio(loop_scope="module")


def labels(items: list[types.CompletionItem]) -> list[str]:
    return [item.label for item in items]


async def test_keys_with_their_effect_and_without_those_present(editor: Editor) -> None:
    uri = await editor.open(SMALL + "gradient_ch")
    items = await editor.complete(uri, "\ngradient_ch")
    names = labels(items)
    assert "gradient_checkpointing" in names
    assert "micro_batch_size" not in names
    (item,) = [item for item in items if item.label == "gradient_checkpointing"]
    assert item.documentation
    assert isinstance(item.text_edit, types.TextEdit)
    assert item.text_edit.new_text == "gradient_checkpointing: "
    line = item.text_edit.range.start.line
    assert item.text_edit.range == types.Range(types.Position(line, 0), types.Position(line, 11))


async def test_nested_keys(editor: Editor) -> None:
    uri = await editor.open(SMALL + "method: lora\nadapter:\n  r: 8\n  al")
    names = labels(await editor.complete(uri, "\n  al"))
    assert "alpha" in names
    assert "r" not in names
    assert "optimizer" not in names


async def test_values_of_a_key(editor: Editor) -> None:
    uri = await editor.open(SMALL + "attention: \nbroken: [")
    names = labels(await editor.complete(uri, "attention: "))
    assert "sdpa" in names
    assert "eager" in names


async def test_model_ids(editor: Editor) -> None:
    uri = await editor.open(FULL.replace("meta-llama/Llama-3.1-8B", "llama-3.1"))
    items = await editor.complete(uri, "model: llama-3.1")
    assert "meta-llama/Llama-3.1-8B" in labels(items)
    (item,) = [item for item in items if item.label == "meta-llama/Llama-3.1-8B"]
    assert item.detail is not None
    assert "8.03 B parameters" in item.detail
    await editor.apply(uri, types.WorkspaceEdit(changes={uri: [item.text_edit]}))  # type: ignore[list-item]
    assert "model: meta-llama/Llama-3.1-8B\n" in editor.texts[uri]


async def test_gpus_and_codes_in_the_comment(editor: Editor) -> None:
    uri = await editor.open("# vramlint: gpu=A100\n# vramlint: ignore[VL1\n# vramlint: \n" + SMALL)
    gpus = await editor.complete(uri, "gpu=A100")
    assert any("A100-80GB" in label for label in labels(gpus))
    assert all(" " not in label for label in labels(gpus))
    assert all(item.detail and "GiB" in item.detail for item in gpus)
    assert "VL101" in labels(await editor.complete(uri, "ignore[VL1"))
    assert "gpu=" in labels(await editor.complete(uri, "]\n# vramlint: ".lstrip("]")))


@pytest.mark.parametrize(
    ("name", "text", "needle", "expected"),
    [
        ("a.json", '{"vramlint": 1, "model": "x",\n  "optim', '"optim', "optimizer"),
        ("b.json", '{"vramlint": 1, "model": "x", "attention": "', '"attention": "', "sdpa"),
        ("c.toml", 'vramlint = 1\nmodel = "x"\n[adapter]\nal', "\nal", "alpha"),
        ("d.toml", 'vramlint = 1\nmodel = "x"\nattention = ', "attention = ", "sdpa"),
    ],
)
async def test_json_and_toml(editor: Editor, name: str, text: str, needle: str, expected: str) -> None:
    uri = await editor.open(text, name)
    assert expected in labels(await editor.complete(uri, needle))


async def test_nothing_in_other_files(editor: Editor) -> None:
    uri = await editor.open("services:\n  web:\n    im", "compose.yaml")
    assert await editor.complete(uri, "im") == []


AXOLOTL = (
    "base_model: meta-llama/Llama-3.1-8B\ndatasets: []\nadapter: lora\nlora_r: 8\nsequence_len: 2048\n"
    "lora_target_linear: true\nmicro_batch_size: 1\n"
)


@pytest.mark.parametrize(
    ("name", "text", "needle", "label", "line"),
    [
        (
            "a.yaml",
            AXOLOTL + "optimizer: adamw_torch_fused\n",
            "optimizer: ada",
            "adafactor",
            "optimizer: adafactor",
        ),
        (
            "b.yaml",
            AXOLOTL + "optimizer: ada  # mine\n",
            "optimizer: a",
            "adafactor",
            "optimizer: adafactor  # mine",
        ),
        ("c.yaml", SMALL + "attent: sdpa\n", "att", "attention", "attention: sdpa"),
        (
            "d.json",
            '{"vramlint": 1, "model": "x",\n"attention": "eager"}',
            '"attention": "ea',
            "sdpa",
            '"attention": "sdpa"}',
        ),
        (
            "e.toml",
            'vramlint = 1\nmodel = "x"\nattention = "eager"\n',
            'attention = "e',
            "sdpa",
            'attention = "sdpa"',
        ),
        (
            "f.toml",
            'vramlint = 1\nmodel = "x"\nattent = "eager"\n',
            "\natt",
            "attention",
            'attention = "eager"',
        ),
    ],
)
async def test_the_whole_word_is_replaced(
    editor: Editor, name: str, text: str, needle: str, label: str, line: str
) -> None:
    uri = await editor.open(text, name)
    (item,) = [item for item in await editor.complete(uri, needle) if item.label == label]
    assert isinstance(item.text_edit, types.TextEdit)
    await editor.apply(uri, types.WorkspaceEdit(changes={uri: [item.text_edit]}))
    assert line in editor.texts[uri].splitlines()


async def test_values_stand_by_cost_with_the_default_first(editor: Editor) -> None:
    uri = await editor.open("# vramlint: gpu=L40S\n" + AXOLOTL + "optimizer: \n")
    items = sorted(await editor.complete(uri, "optimizer: "), key=lambda item: item.sort_text or item.label)
    assert items[0].label == "adamw_torch_fused"
    assert "default" in (items[0].detail or "")
    totals = [float((item.detail or "").split(" GiB")[0]) for item in items[1:]]
    assert totals == sorted(totals)
    assert {"fits"} & {part for item in items for part in (item.detail or "").split(", ")}


async def test_a_list_of_targets_offers_the_linear_layers(editor: Editor) -> None:
    uri = await editor.open(AXOLOTL + "lora_target_modules:\n  - \n")
    assert {"q_proj", "down_proj"} <= set(labels(await editor.complete(uri, "\n  - ")))
    uri = await editor.open(AXOLOTL + "lora_target_modules: [q_proj, \n")
    assert "down_proj" in labels(await editor.complete(uri, "[q_proj, "))
