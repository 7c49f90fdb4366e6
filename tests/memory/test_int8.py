"""LLM.int8 with an adapter: what bitsandbytes' products keep (autograd/_functions.py, MatMul8bitLt)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from configs import estimate_of

MODEL = {
    "model_type": "llama",
    "hidden_size": 1024,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "intermediate_size": 4096,
    "vocab_size": 512,
}
INPUTS = 1024 + 1024 + 1024 + 4096
"""Elements of a token that enter a layer's products: two norms, attention's output, the MLP's product."""
AXOLOTL = """\
# vramlint: versions={}
base_model: ./model
datasets: [{{path: data, type: alpaca}}]
sequence_len: 1024
micro_batch_size: 1
adapter: lora
load_in_8bit: true
lora_r: 8
lora_target_modules: [q_proj]
bf16: true
flash_attention: true
gradient_checkpointing: true
gradient_checkpointing_kwargs: {{use_reentrant: {}}}
"""


def kept(folder: Path, config: str) -> float:
    """Bytes that one more layer keeps for a token."""
    (folder / "model").mkdir(exist_ok=True)
    sizes = []
    for layers in (4, 12):
        (folder / "model" / "config.json").write_text(json.dumps({**MODEL, "num_hidden_layers": layers}))
        sizes.append(estimate_of(folder, config).component_sizes["activations"])
    return (sizes[1] - sizes[0]) / 8 / 1024


def test_checkpointing_without_reentrancy_keeps_every_input(tmp_path: Path) -> None:
    """The inputs hang on the products' nodes, where saved-tensor hooks do not see them."""
    reentrant, other = (
        kept(tmp_path, AXOLOTL.format("bitsandbytes@0.50", word)) for word in ("true", "false")
    )
    assert reentrant == pytest.approx(2 * 1024, rel=0.05)
    assert other - reentrant == pytest.approx(2 * INPUTS, rel=0.01)


def test_up_to_0_44_columns_are_kept_too(tmp_path: Path) -> None:
    """Each of seven products has its own 8-bit copy of its input by columns."""
    newest = kept(tmp_path, AXOLOTL.format("bitsandbytes@0.50", "false"))
    before = kept(tmp_path, AXOLOTL.format("bitsandbytes@0.44.1", "false"))
    assert before - newest == pytest.approx(6 * 1024 + 4096, rel=0.02)
