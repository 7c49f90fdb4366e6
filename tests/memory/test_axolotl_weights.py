"""What Axolotl's keys make of a mixture's experts, and of weights that are trained by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from configs import analysis_of, estimate_of

from vramlint.lazy_dataclasses import replace
from vramlint.memory import estimate_job

MIXTURE = {
    "model_type": "qwen3_moe",
    "hidden_size": 1024,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 128,
    "intermediate_size": 2048,
    "moe_intermediate_size": 512,
    "num_experts": 64,
    "num_experts_per_tok": 4,
    "vocab_size": 512,
}
EXPERTS = 8 * 64 * 3 * 1024 * 512
"""Weights in all experts of MIXTURE."""
DENSE = {
    "model_type": "llama",
    "hidden_size": 1024,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "intermediate_size": 2048,
    "vocab_size": 512,
}
COMMON = (
    "base_model: ./model\ndatasets: [{path: data, type: alpaca}]\nsequence_len: 256\nmicro_batch_size: 1\n"
)
QLORA = (
    COMMON + "adapter: qlora\nlora_r: 16\nload_in_4bit: true\nlora_target_modules: [q_proj, v_proj]\n"
    "gradient_checkpointing: true\n"
)
INT8 = QLORA.replace("qlora", "lora").replace("load_in_4bit", "load_in_8bit")


def model(folder: Path, config: dict[str, object]) -> Path:
    """A folder with the model that the configs name."""
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("config", "width", "unpacked"), [(QLORA, 0.516, 2), (INT8, 1.0, 4)], ids=["4 bits", "8 bits"]
)
def test_quantised_experts(tmp_path: Path, config: str, width: float, unpacked: int) -> None:
    """They are packed as linear layers are, and not raised to 32 bits; while a layer runs, all its experts
    are there unpacked.
    """
    folder = model(tmp_path, MIXTURE)
    before = estimate_of(folder, config)
    after = estimate_of(folder, config + "quantize_moe_experts: true\n")
    saved = before.components["weights"] - after.components["weights"]
    assert saved == pytest.approx((4 - width) * EXPERTS, rel=0.01)
    job = analysis_of(folder, config).job
    assert job is not None
    assert job.quantization is not None
    half = estimate_job(replace(job, quantization=replace(job.quantization, kbit_prep="none")))
    more = after.components["activations"] - half.components["activations"]
    assert unpacked * EXPERTS / 8 <= more < 1.8 * unpacked * EXPERTS / 8


def test_without_checkpointing_every_layer_keeps_its_unpacked_experts(tmp_path: Path) -> None:
    """The grouped product saves the weight that it took (derivatives.yaml, _grouped_mm)."""
    folder = model(tmp_path, MIXTURE)
    config = QLORA.replace("gradient_checkpointing: true\n", "quantize_moe_experts: true\n")
    assert estimate_of(folder, config).components["activations"] > 2 * EXPERTS


@pytest.mark.parametrize(
    ("patterns", "trained"),
    [
        (["lm_head.*"], 512 * 1024),
        (["^model.embed_tokens.weight$[:32000]"], 512 * 1024),
        (["model.layers.[0-1].mlp", "model.layers.7.mlp"], 3 * 3 * 1024 * 2048),
        (["model.layers.5.self_attn.q_proj.weight"], 1024 * 1024),
        (["model.norm"], 1024),
    ],
)
def test_unfrozen_parameters(tmp_path: Path, patterns: list[str], trained: int) -> None:
    """Only the weights whose names match are trained (axolotl 0.21, utils/freeze.py)."""
    folder = model(tmp_path, DENSE)
    estimate = estimate_of(folder, COMMON + f"flash_attention: true\nunfrozen_parameters: {patterns}\n")
    assert estimate.trainable_parameters == trained
    assert estimate.component_sizes["gradients"] == pytest.approx(2 * trained, rel=0.01, abs=512)


def test_layers_under_the_first_trained_one_save_nothing(tmp_path: Path) -> None:
    """Backward stops at the first layer of which a weight is trained."""
    folder = model(tmp_path, DENSE)
    text = COMMON + "flash_attention: true\nunfrozen_parameters: ['model.layers.{}.mlp']\n"
    low, high = (estimate_of(folder, text.replace("{}", layer)) for layer in "17")
    assert high.components["activations"] < low.components["activations"]


def test_no_weight_matches(tmp_path: Path) -> None:
    """No figure for a run that trains nothing."""
    folder = model(tmp_path, DENSE)
    analysis = analysis_of(folder, COMMON + "unfrozen_parameters: [transformer.h.1]\n")
    assert analysis.estimate is None
    assert analysis.cannot is not None
    assert analysis.cannot.code == "nothing-trained"
