"""Axolotl's `tiled_mlp`: feed-forward blocks over pieces of the sequence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from configs import estimate_of

WIDTH, INNER, TOKENS = 512, 4096, 65536
MODEL = {
    "model_type": "llama",
    "hidden_size": WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "intermediate_size": INNER,
    "vocab_size": 512,
}
AXOLOTL = f"""\
# vramlint: versions=axolotl@0.21
base_model: ./model
datasets: [{{path: data, type: alpaca}}]
sequence_len: {TOKENS}
micro_batch_size: 1
float16: true
flash_attention: true
gradient_checkpointing: true
plugins: [axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin]
"""


def activations(folder: Path, config: str) -> int:
    """Bytes of activations at the peak."""
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "config.json").write_text(json.dumps(MODEL))
    return estimate_of(folder, config).component_sizes["activations"]


def test_pieces_bound_the_block(tmp_path: Path) -> None:
    """The block's tensors, six or so as wide as its middle, exist for one piece."""
    whole = activations(tmp_path, AXOLOTL)
    tiled = activations(tmp_path, AXOLOTL + "tiled_mlp: true\ntiled_mlp_num_shards: 64\n")
    assert whole - tiled > 4 * 2 * TOKENS * INNER
    assert tiled < 16 * 2 * TOKENS * WIDTH * 3


def test_more_pieces_need_less(tmp_path: Path) -> None:
    two, default, many = (
        activations(tmp_path, AXOLOTL + f"tiled_mlp: true\n{shards}")
        for shards in ("tiled_mlp_num_shards: 2", "", "tiled_mlp_num_shards: 16")
    )
    assert two == default
    assert many < two


@pytest.mark.parametrize(("release", "pieces"), [("0.21", 2), ("0.19", None)])
def test_how_many_where_nothing_is_said(tmp_path: Path, release: str, pieces: int | None) -> None:
    """One for 32768 tokens since 0.21, before one for as many tokens as the model is wide."""
    text = AXOLOTL.replace("0.21", release) + "tiled_mlp: true\n"
    shards = pieces or TOKENS // WIDTH
    assert activations(tmp_path, text) == activations(tmp_path, text + f"tiled_mlp_num_shards: {shards}\n")


def test_without_checkpointing_only_the_input_is_kept(tmp_path: Path) -> None:
    config = AXOLOTL.replace("gradient_checkpointing: true", "gradient_checkpointing: false")
    whole = activations(tmp_path, config)
    tiled = activations(tmp_path, config + "tiled_mlp: true\ntiled_mlp_num_shards: 16\n")
    assert whole - tiled > 3 * 3 * 2 * TOKENS * INNER
