"""Key and value heads under SDPA, by the releases of transformers and torch, and by the GPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from configs import analysis_of, estimate_of

GROUPED = {
    "model_type": "llama",
    "hidden_size": 1024,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "intermediate_size": 1024,
    "vocab_size": 512,
}
WIDE, NARROW = 16 * 64, 2 * 64
"""Elements of a token's query heads, and of its key heads."""
TRL = """\
# vramlint: versions={}
model_name_or_path: ./model
dataset_name: a/b
dtype: bfloat16
bf16: false
max_length: 2048
per_device_train_batch_size: 1
gradient_checkpointing: false
attn_implementation: sdpa
"""


def kept(folder: Path, config: str) -> float:
    """Bytes that one more layer keeps for a token."""
    (folder / "model").mkdir(exist_ok=True)
    sizes = []
    for layers in (4, 8):
        (folder / "model" / "config.json").write_text(json.dumps({**GROUPED, "num_hidden_layers": layers}))
        sizes.append(estimate_of(folder, config).component_sizes["activations"])
    return (sizes[1] - sizes[0]) / 4 / 2048


def test_heads_are_repeated_until_transformers_4_54(tmp_path: Path) -> None:
    """Key and value as wide as the query are kept, and a second copy of the output up to 4.55."""
    newest = kept(tmp_path, TRL.format("transformers@4.57.1,torch@2.8,trl@0.24"))
    repeated = kept(tmp_path, TRL.format("transformers@4.53.3,torch@2.7,trl@0.20"))
    packed = kept(tmp_path, TRL.format("transformers@4.55.4,torch@2.8,trl@0.21"))
    assert packed - newest == pytest.approx(2 * WIDE, rel=0.01)
    assert repeated - packed == pytest.approx(2 * 2 * (WIDE - NARROW), rel=0.01)


def test_older_torch_has_no_grouped_attention(tmp_path: Path) -> None:
    """`enable_gqa` came with torch 2.5."""
    newest = kept(tmp_path, TRL.format("transformers@4.57.1,torch@2.8,trl@0.24"))
    before = kept(tmp_path, TRL.format("transformers@4.57.1,torch@2.4,trl@0.24"))
    assert before - newest == pytest.approx(2 * 2 * (WIDE - NARROW), rel=0.01)


@pytest.mark.parametrize(
    ("directive", "scores"),
    [
        ("gpu=T4 versions=transformers@4.57.1,torch@2.8,trl@0.24", True),
        ("gpu=T4 versions=transformers@4.53.3,torch@2.7,trl@0.20", False),
        ("gpu=A100-80GB versions=transformers@4.57.1,torch@2.8,trl@0.24", False),
        ("gpu=MI300X versions=transformers@4.57.1,torch@2.8,trl@0.24", False),
    ],
)
def test_grouped_heads_before_ampere_take_the_unfused_kernel(
    tmp_path: Path, directive: str, scores: bool
) -> None:
    """No flash kernel there, and the memory-efficient one refuses grouped heads: all scores exist."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(json.dumps({**GROUPED, "num_hidden_layers": 2}))
    config = TRL.replace("versions={}", directive).replace("bfloat16", "float16")
    found = analysis_of(tmp_path, config).estimate
    assert found is not None
    assert (found.component_sizes["activations"] > 4 * 16 * 2048**2) == scores


def test_float32_takes_the_efficient_kernel_while_heads_are_repeated(tmp_path: Path) -> None:
    """From 4.54 on grouped heads in float32 go to the unfused kernel."""
    text = TRL.replace("dtype: bfloat16", "dtype: float32")
    before = kept(tmp_path, text.format("transformers@4.53.3,torch@2.7,trl@0.20"))
    after = kept(tmp_path, text.format("transformers@4.57.1,torch@2.8,trl@0.24"))
    assert after - before > 4 * 16 * 2048 - 4 * 4 * WIDE
