"""What a hover says on every kind of key, in whole and in broken text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lsp_talk import FULL, SMALL, Editor

pytestmark = pytest.mark.asyncio(loop_scope="module")

AXOLOTL = """\
# vramlint: gpu=RTX-4090
base_model: meta-llama/Llama-3.1-8B
load_in_4bit: true
adapter: qlora
lora_r: 32
lora_alpha: 16
lora_dropout: 0.05
lora_target_linear: true
datasets:
  - path: tatsu-lab/alpaca
    type: alpaca
sequence_len: 4096
micro_batch_size: 2
gradient_accumulation_steps: 4
num_epochs: 1
optimizer: adamw_torch_fused
learning_rate: 0.0002
bf16: true
gradient_checkpointing: true
attn_implementation: flash_attention_2
"""
AXOLOTL_KEYS = [
    "base_model",
    "load_in_4bit",
    "adapter",
    "lora_r",
    "lora_target_linear",
    "sequence_len",
    "micro_batch_size",
    "gradient_accumulation_steps",
    "optimizer",
    "bf16",
    "gradient_checkpointing",
    "attn_implementation",
]
JOB_KEYS = [
    "model",
    "method",
    "optimizer",
    "micro_batch_size",
    "gradient_accumulation_steps",
    "sequence_length",
    "gradient_checkpointing",
    "attention",
    "precision",
    "weights",
]
ROOT = Path(__file__).parents[2]
COMPONENTS = ("weights", "gradients", "optimizer states", "activations", "overhead")


async def test_every_memory_key_shows_sizes_and_verdict(editor: Editor) -> None:
    for text, keys, verdict in ((FULL, JOB_KEYS, "does not fit"), (AXOLOTL, AXOLOTL_KEYS, "fits")):
        uri = await editor.open(text)
        for key in keys:
            said = await editor.hover(uri, f"{key}:")
            assert said is not None, key
            assert "GiB" in said, key
            assert verdict in said, key
            assert all(component in said for component in COMPONENTS), key


async def test_batch_hover_compares_neighbours(editor: Editor) -> None:
    uri = await editor.open(FULL)
    said = await editor.hover(uri, "micro_batch_size")
    assert said is not None
    assert "of activations" in said
    assert "`3` →" in said
    assert "`5` →" in said
    assert "largest that fits: none" in said
    assert "VL101" in said
    assert "to make it fit:" not in said, "a hover searches for nothing"
    (found,) = await editor.diagnostics(uri)
    await editor.actions(uri, found.range)
    assert "to make it fit:" in (await editor.hover(uri, "micro_batch_size") or "")


async def test_largest_that_fits_really_does(editor: Editor) -> None:
    uri = await editor.open(SMALL)
    said = await editor.hover(uri, "micro_batch_size")
    assert said is not None
    largest = int(said.split("largest that fits: **")[1].split("*")[0])
    assert largest > 1
    await editor.replace(uri, "micro_batch_size: 1", f"micro_batch_size: {largest}")
    assert "VL101" not in await editor.codes(uri)
    await editor.replace(uri, f"micro_batch_size: {largest}", f"micro_batch_size: {largest * 2}")
    assert "VL101" in await editor.codes(uri)


async def test_the_textbooks_sum_stands_at_the_keys_that_decide_it(editor: Editor) -> None:
    uri = await editor.open((ROOT / "examples" / "textbook-7b.job.yaml").read_text())
    for key in ("{parameters", "optimizer:", "weights: bfloat16"):
        assert "14 + 14 + 56 = 84 GB" in (await editor.hover(uri, key) or ""), key


async def test_model_hover_tells_the_architecture(editor: Editor) -> None:
    uri = await editor.open(FULL)
    said = await editor.hover(uri, "meta-llama/Llama")
    assert said is not None
    for fact in ("8,030,261,248 parameters", "32 layers", "15.0 GiB** in bf16", "29.9 in fp32", "catalog"):
        assert fact in said


async def test_gpu_hover_on_the_directive(editor: Editor) -> None:
    uri = await editor.open(FULL)
    said = await editor.hover(uri, "RTX-4090")
    assert said is not None
    assert "24.0 GiB total, **23.5 usable**" in said
    assert "✓ bf16" in said
    alternatives = said.partition("alternatives: ")[2]
    assert alternatives
    assert not re.search("V100|Laptop|Jetson", alternatives), (
        "this run needs bf16, and a GPU to rent or to buy"
    )


async def test_a_key_of_the_evaluation_says_what_that_holds(editor: Editor) -> None:
    uri = await editor.open(AXOLOTL.replace("num_epochs: 1", "num_epochs: 1\nval_set_size: 0.1"))
    said = await editor.hover(uri, "val_set_size")
    assert said is not None
    assert "GiB in evaluation, under the peak of" in said
    assert "activations" not in said.splitlines()[0]


async def test_unknown_gpu_hover_names_the_nearest(editor: Editor) -> None:
    uri = await editor.open(FULL.replace("RTX-4090", "RTX-4091"))
    said = await editor.hover(uri, "RTX-4091")
    assert said is not None
    assert "is not a known GPU" in said
    assert "4090" in said


async def test_ignored_key_says_so(editor: Editor) -> None:
    uri = await editor.open(AXOLOTL + "micro_batchsize: 4\n")
    said = await editor.hover(uri, "micro_batchsize")
    assert said is not None
    assert "has no effect" in said


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (
            "sharding:\n  strategy: zero3\n",
            "strategy",
            "vramlint 1 does not know \\`sharding\\` and refuses it",
        ),
        ("adapter: {r: 16, alpha: 8}\n", "r: 16", "`16` · no effect: the run trains without an adapter"),
        (
            "adapter: {r: 16, alpha: 8}\n",
            "adapter",
            "**adapter** · no effect: the run trains without an adapter",
        ),
        ("adapter: {targets: [q_proj]}\n", "targets", "no effect: the run trains without an adapter"),
        ("quantization: {double_quant: true}\n", "double_quant", "no effect: no weight is quantized"),
    ],
)
async def test_key_that_the_run_does_not_use_says_so(editor: Editor, text: str, key: str, said: str) -> None:
    shown = await editor.hover(await editor.open(FULL + text), key)
    assert shown is not None
    assert said in shown
    assert "VL101" not in shown


async def test_free_key_says_so(editor: Editor) -> None:
    uri = await editor.open(AXOLOTL)
    assert "costs no GPU memory" in (await editor.hover(uri, "learning_rate") or "")


async def test_nothing_outside_configs(editor: Editor) -> None:
    uri = await editor.open("services:\n  web:\n    image: nginx\n", "compose.yaml")
    assert await editor.hover(uri, "image") is None
    assert not await editor.diagnostics(uri)


BROKEN = (
    "optimizer: [adamw",
    'optimizer: "adamw',
    "optimizer",
    "optimizer: a: b: c",
    "<<<<<<< HEAD",
    "- ",
    "\toptimizer: x",
)


async def test_hover_answers_in_broken_text(editor: Editor) -> None:
    uri = await editor.open(FULL)
    for broken in BROKEN:
        await editor.change(uri, FULL.replace("optimizer: adamw_torch_fused", broken))
        said = await editor.hover(uri, "micro_batch_size")
        assert said is not None, broken
        assert "GiB" in said, broken
        assert "does not fit" in said, broken


async def test_last_good_figures_are_marked_stale(editor: Editor) -> None:
    uri = await editor.open(FULL)
    assert await editor.codes(uri) == ["VL101"]
    await editor.replace(uri, "model: meta-llama/Llama-3.1-8B", 'model: "meta-ll')
    said = await editor.hover(uri, "micro_batch_size")
    assert said is not None
    assert said.startswith("_the text says too little right now")
    assert "GiB" in said


QLORA = (
    "base_model: meta-llama/Llama-3.1-8B\nadapter: qlora\nload_in_4bit: true\nlora_r: 16\n"
    "lora_target_linear: true\nsequence_len: 2048\nmicro_batch_size: 1\nlearning_rate: 1.0e-4\n"
    "rotary_magic: true\ncommon: &c\n  gradient_accumulation_steps: 4\n<<: *c\n"
)


@pytest.mark.parametrize(
    ("needle", "said", "unsaid"),
    [
        ("learning_rate", "costs no GPU memory", "modelled"),
        ("rotary_magic", "axolotl", "costs no GPU memory"),
        ("load_in_4bit", "of weights", "`false` →"),
        ("gradient_accumulation_steps", "gradient_accumulation_steps", "modelled"),
    ],
)
async def test_what_is_not_modelled_is_not_called_free(
    editor: Editor, needle: str, said: str, unsaid: str
) -> None:
    uri = await editor.open(QLORA)
    text = await editor.hover(uri, needle)
    assert text is not None
    assert said.lower() in text.lower()
    assert unsaid not in text


async def test_the_first_lines_say_what_to_write(editor: Editor) -> None:
    """What the key holds with the verdict, other values, what would make it fit; the rest below."""
    uri = await editor.open(FULL)
    (found,) = await editor.diagnostics(uri)
    await editor.actions(uri, found.range)
    said = await editor.hover(uri, "micro_batch_size")
    assert said is not None
    first, second, third, fourth, *_ = said.split("\n\n")
    assert "GiB of activations" in first
    assert "does not fit" in first
    assert "largest that fits" in second
    assert "to make it fit" in third
    assert "weights 1" in fourth.replace("*", "")


async def test_a_key_that_saves_says_what_it_saves(editor: Editor) -> None:
    uri = await editor.open(AXOLOTL)
    for key in ("load_in_4bit", "gradient_checkpointing"):
        assert "saves " in (await editor.hover(uri, key) or ""), key


async def test_keys_are_answered_where_there_is_no_estimate(editor: Editor) -> None:
    uri = await editor.open("train_batch_size: 1\n", "compose.yaml")
    assert await editor.hover(uri, "train_batch_size") is None
    uri = await editor.open(
        '{"zero_optimization": {"stage": 3}, "train_batch_size": "auto", "steps_per_print": 5}', "ds.json"
    )
    assert "modelled" in (await editor.hover(uri, "steps_per_print") or "")


async def test_text_that_no_longer_tells_its_kind_keeps_its_hovers(editor: Editor) -> None:
    uri = await editor.open(AXOLOTL)
    await editor.codes(uri)
    await editor.change(uri, "load_in_4bit: true\n")
    said = await editor.hover(uri, "load_in_4bit")
    assert said is not None
    assert said.startswith("_the text says too little")
    await editor.change(uri, "services:\n  web: {}\n")
    assert await editor.hover(uri, "services") is None


async def test_a_key_of_a_table_whose_parent_has_none_is_answered(editor: Editor) -> None:
    text = (
        '[model]\nname = "llama3"\nflavor = "8B"\n[training]\nlocal_batch_size = 1\nseq_len = 8192\n'
        "[quantize.linear.unheard]\nof_key = 1\n"
    )
    uri = await editor.open(text, "titan.toml")
    assert "of_key" in (await editor.hover(uri, "of_key") or "")
