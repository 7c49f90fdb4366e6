"""Liger's kernels in the layers, from the keys of the frameworks that turn them on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from configs import analysis_of, estimate_of

from vramlint.catalog.liger import FAMILIES, liger_family

LLAMA_8B = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 1024,
}
PLAIN, LIGER = 200_840, 139_400
"""Bytes that a layer of Llama 8B keeps for a token in bf16, by transformers' operations and by Liger's."""
AXOLOTL = """\
base_model: ./model
datasets: [{path: data, type: alpaca}]
sequence_len: 2048
micro_batch_size: 1
float16: true
flash_attention: true
"""
PLUGIN = "plugins: [axolotl.integrations.liger.LigerPlugin]\n"
KERNELS = "liger_rms_norm: true\nliger_glu_activation: true\nliger_rope: true\n"
TRL = """\
model_name_or_path: ./model
dataset_name: a/b
dtype: bfloat16
max_length: 2048
per_device_train_batch_size: 1
gradient_checkpointing: false
bf16: false
"""
FACTORY = """\
model_name_or_path: ./model
stage: sft
finetuning_type: full
template: llama3
dataset: a
cutoff_len: 2048
per_device_train_batch_size: 1
pure_bf16: true
disable_gradient_checkpointing: true
"""


def kept(folder: Path, config: str, **changes: Any) -> float:
    """Bytes that one more layer keeps for a token."""
    (folder / "model").mkdir(exist_ok=True)
    sizes = []
    for layers in (3, 5):
        shape = {**LLAMA_8B, **changes, "num_hidden_layers": layers}
        (folder / "model" / "config.json").write_text(json.dumps(shape))
        sizes.append(estimate_of(folder, config).component_sizes["activations"])
    return (sizes[1] - sizes[0]) / 2 / 2048


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(AXOLOTL, PLAIN, id="axolotl"),
        pytest.param(AXOLOTL + KERNELS, PLAIN, id="axolotl, plugin not listed"),
        pytest.param(AXOLOTL + PLUGIN + KERNELS, LIGER, id="axolotl, all"),
        pytest.param(
            AXOLOTL + PLUGIN + "liger_rms_norm: true\n", PLAIN - 2 * 8192 - 16384 * 1 - 0, id="axolotl, norm"
        ),
        pytest.param(AXOLOTL + PLUGIN + "liger_glu_activation: true\n", PLAIN - 28672, id="axolotl, glu"),
        pytest.param(TRL + "use_liger_kernel: false\n", PLAIN, id="trainer"),
        pytest.param(TRL + "use_liger_kernel: true\n", LIGER, id="trainer, all"),
        pytest.param(
            TRL + "use_liger_kernel: true\nliger_kernel_config: {swiglu: false}\n",
            LIGER + 28672,
            id="trainer, some",
        ),
        pytest.param(
            TRL + "use_liger_kernel: true\nliger_kernel_config: {swiglu: true, unheard_of: false}\n",
            LIGER,
            id="trainer, said to be on",
        ),
        pytest.param(FACTORY, PLAIN, id="llamafactory"),
        pytest.param(FACTORY + "enable_liger_kernel: true\n", LIGER, id="llamafactory, all"),
    ],
)
def test_what_a_layer_keeps(tmp_path: Path, config: str, expected: float) -> None:
    """Norms keep their input alone, the gate its two halves; rotary positions are turned in place."""
    assert kept(tmp_path, config) == pytest.approx(expected, rel=0.001)


def test_a_family_that_liger_does_not_know(tmp_path: Path) -> None:
    """Nothing changes, the loss included, and that is said."""
    (tmp_path / "model").mkdir()
    shape = {**LLAMA_8B, "model_type": "cohere", "num_hidden_layers": 2}
    (tmp_path / "model" / "config.json").write_text(json.dumps(shape))
    without = estimate_of(tmp_path, TRL)
    analysis = analysis_of(tmp_path, TRL.replace("bf16: false", "bf16: false\nuse_liger_kernel: true"))
    assert analysis.estimate is not None
    assert analysis.estimate.components == without.components
    assert any("Liger has no kernels for cohere" in finding.message for finding in analysis.findings)


def test_a_family_that_an_older_release_does_not_know() -> None:
    """Each family is there from its first release on."""
    assert liger_family("qwen3", "0.5.8") is None
    assert liger_family("qwen3", "0.5.9") == FAMILIES["qwen3"]
    assert liger_family("qwen3", None) == FAMILIES["qwen3"]
