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
    (item,) = [item for item in await editor.complete(uri, needle) if item.label == expected]
    assert isinstance(item.text_edit, types.TextEdit)
    typed = text[editor.offset(text, item.text_edit.range.start) :]
    assert (item.filter_text or item.label).startswith(typed), "an editor hides what does not begin so"


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


TORCHTUNE = """\
model:
  _component_: torchtune.models.llama3_1.lora_llama3_1_8b
  lora_attn_modules: [q_proj, v_proj]
  lora_rank: 8
tokenizer: {_component_: torchtune.models.llama3.llama3_tokenizer, max_seq_len: 2048}
checkpointer:
  _component_: torchtune.training.FullModelHFCheckpointer
optimizer: {_component_: torch.optim.AdamW, fused: true}
loss:
  _component_: torchtune.modules.loss.LinearCrossEntropyLoss
batch_size: 2
dtype: bf16
"""
TITAN = """\
[model]
name = "llama3"
flavor = "8B"
[optimizer]
name = "AdamW"
[training]
local_batch_size = 1
seq_len = 8192
"""


@pytest.mark.parametrize(
    ("name", "text", "needle", "expected"),
    [
        ("flow.yaml", TORCHTUNE, "optimizer: {_component_: torch.", "bitsandbytes.optim.PagedAdamW8bit"),
        ("flow-key.yaml", TORCHTUNE.replace("fused: true", "fus"), "AdamW, fus", "fused"),
        (
            "component.yaml",
            TORCHTUNE,
            "_component_: torchtune.models.lla",
            "torchtune.models.llama3_1.llama3_1_8b",
        ),
        ("titan.toml", TITAN + "[para", "\n[para", "parallelism"),
        ("array.toml", TITAN + 'x = ["a",\n"b"]\n[activation_checkpoint]\nmo', "\nmo", "mode"),
        ("lines.yaml", AXOLOTL + "optimizer:\n  ada", "\n  ada", "adamw_torch_fused"),
    ],
)
async def test_places_of_every_kind(editor: Editor, name: str, text: str, needle: str, expected: str) -> None:
    uri = await editor.open(text, name)
    assert expected in labels(await editor.complete(uri, needle))


async def test_numbers_are_offered_with_what_they_cost(editor: Editor) -> None:
    uri = await editor.open("# vramlint: gpu=L40S\n" + AXOLOTL)
    items = {item.label: item for item in await editor.complete(uri, "micro_batch_size: ")}
    assert {"1", "2", "4", "8"} <= set(items)
    assert "GiB" in (items["8"].detail or "")
    lengths = labels(await editor.complete(uri, "sequence_len: "))
    assert "4096" in lengths


async def test_companions_are_files_beside_the_config(editor: Editor) -> None:
    await editor.open('{"zero_optimization": {"stage": 2}}', "shop/ds/zero2.json")
    uri = await editor.open(AXOLOTL + "deepspeed: \n", "shop/train.yaml")
    assert "ds/zero2.json" in labels(await editor.complete(uri, "deepspeed: "))
    uri = await editor.open(AXOLOTL + "output_dir: \n", "shop/train.yaml")
    assert "ds/zero2.json" not in labels(await editor.complete(uri, "output_dir: "))


async def test_releases_and_kinds_in_the_comment(editor: Editor) -> None:
    uri = await editor.open("# vramlint: versions=\n# vramlint: dialect=\n" + AXOLOTL)
    items = await editor.complete(uri, "versions=")
    assert {"axolotl", "transformers", "peft"} <= set(labels(items))
    (own,) = [item for item in items if item.label == "axolotl"]
    assert isinstance(own.text_edit, types.TextEdit)
    assert own.text_edit.new_text.startswith("axolotl@0.")
    assert {"axolotl", "none"} <= set(labels(await editor.complete(uri, "dialect=")))


async def test_gpus_that_fit_come_first_and_by_size(editor: Editor) -> None:
    uri = await editor.open("# vramlint: gpu=\n" + AXOLOTL)
    items = sorted(await editor.complete(uri, "gpu="), key=lambda item: item.sort_text or "")
    said = [item.detail or "" for item in items if "in this machine" not in (item.detail or "")]
    fits = [": fits" in detail for detail in said]
    assert any(fits)
    assert fits == sorted(fits, reverse=True)


async def test_an_empty_file_is_offered_whole_configs(editor: Editor) -> None:
    uri = await editor.open("# mine\naxo", "new.yaml")
    (item,) = [item for item in await editor.complete(uri, "axo") if item.label == "axolotl"]
    assert isinstance(item.text_edit, types.TextEdit)
    await editor.apply(uri, types.WorkspaceEdit(changes={uri: [item.text_edit]}))
    assert "VL104" in await editor.codes(uri)
    assert not [
        item for item in await editor.complete(uri, "adapter: qlora\n") if item.label == "llamafactory"
    ]


async def test_what_is_left_out_of_a_long_list_comes_with_resolve(editor: Editor) -> None:
    uri = await editor.open(TORCHTUNE)
    items = await editor.complete(uri, "_component_: torchtune.models.lla")
    unsaid = [item for item in items if item.data is not None]
    assert unsaid
    resolved = await editor.client.completion_item_resolve_async(unsaid[0])
    assert resolved.detail
