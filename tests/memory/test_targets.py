"""Which layers an adapter goes on, from what people write in their configs."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of, estimate_of

AXOLOTL = """\
base_model: meta-llama/Llama-3.2-1B
datasets:
  - {path: tatsu-lab/alpaca, type: alpaca}
adapter: lora
lora_r: 8
lora_alpha: 16
sequence_len: 1024
micro_batch_size: 1
gradient_accumulation_steps: 1
"""
HIDDEN, KEYS, INNER, LAYERS = 2048, 512, 8192, 16
SIDES = {
    "q_proj": 2 * HIDDEN,
    "k_proj": HIDDEN + KEYS,
    "v_proj": HIDDEN + KEYS,
    "o_proj": 2 * HIDDEN,
    "gate_proj": HIDDEN + INNER,
    "up_proj": HIDDEN + INNER,
    "down_proj": HIDDEN + INNER,
}


def trained(layers: int, *modules: str) -> int:
    """Weights of a LoRA of rank 8 on these modules of so many layers."""
    return 8 * layers * sum(SIDES[module] for module in modules)


@pytest.mark.parametrize(
    ("targets", "layers", "modules"),
    [
        (r"'model.layers.[\d]+.(mlp|self_attn).(up|down|gate|q|k|v|o)_proj'", LAYERS, SIDES),
        (r"'model.layers.[\d]+.(mlp|cross_attn|self_attn).(up|down)_proj'", LAYERS, ("up_proj", "down_proj")),
        (r"'model\.layers\.(3|7|11)\.self_attn\.(q|k)_proj'", 3, ("q_proj", "k_proj")),
        (r"'.*\.layers\.(0|15)\.self_attn\.q_proj|.*\.mlp\.gate_proj'", 0, ()),
        ("[q_proj, v_proj]", LAYERS, ("q_proj", "v_proj")),
        ("[self_attn.q_proj]", LAYERS, ("q_proj",)),
        ("[model.layers.2.mlp.up_proj, layers.3.mlp.up_proj]", 2, ("up_proj",)),
    ],
)
def test_names_match_as_peft_matches_them(
    targets: str, layers: int, modules: tuple[str, ...], tmp_path: Path
) -> None:
    estimate = estimate_of(tmp_path, f"{AXOLOTL}lora_target_modules: {targets}\n")
    expected = trained(layers, *modules) if modules else trained(2, "q_proj") + trained(LAYERS, "gate_proj")
    assert estimate.trainable_parameters == expected


def test_numbered_layers_only(tmp_path: Path) -> None:
    text = f"{AXOLOTL}lora_target_modules: [q_proj]\npeft_layers_to_transform: [0, 1, 15]\n"
    assert estimate_of(tmp_path, text).trainable_parameters == trained(3, "q_proj")


def test_the_language_part_of_a_model_with_images(tmp_path: Path) -> None:
    text = AXOLOTL.replace("meta-llama/Llama-3.2-1B", "google/gemma-3-4b-it")
    expression = r"'model.language_model.layers.[\d]+.self_attn.(q|v)_proj'"
    estimate = estimate_of(tmp_path, f"{text}lora_target_modules: {expression}\n")
    assert estimate.trainable_parameters == 34 * 8 * (2560 + 2048 + 2560 + 1024)


@pytest.mark.parametrize(
    "targets",
    [r"'self_attn.(q|k|v|o)_proj'", "[query_key_value]", r"'transformer\.h\.\d+\..*'", "['.*q_proj']"],
)
def test_an_adapter_on_nothing_is_reported_and_not_estimated(targets: str, tmp_path: Path) -> None:
    analysis = analysis_of(tmp_path, f"{AXOLOTL}lora_target_modules: {targets}\n")
    assert analysis.estimate is None
    (found,) = [finding for finding in analysis.findings if finding.code == "VL206"]
    assert found.severity == "error"
    assert found.at.key == ("lora_target_modules",)


def test_dropout_on_a_parameter_is_refused(tmp_path: Path) -> None:
    recipe = (
        "model_name_or_path: Qwen/Qwen3-30B-A3B\ndataset_name: data\nuse_peft: true\n"
        "lora_target_parameters: [mlp.experts.down_proj]\n"
    )
    refused = [f for f in analysis_of(tmp_path, recipe).findings if f.code == "VL201"]
    assert [finding.at.key for finding in refused] == [("lora_target_parameters",)]
    allowed = analysis_of(tmp_path, recipe + "lora_dropout: 0.0\n")
    assert not [f for f in allowed.findings if f.code == "VL201"]


def test_a_parameter_keeps_the_rank_that_is_written(tmp_path: Path) -> None:
    recipe = (
        "model_name_or_path: Qwen/Qwen3-30B-A3B\ndataset_name: data\nuse_peft: true\nlora_dropout: 0.0\n"
        "lora_r: 4\nlora_target_modules: [q_proj]\nlora_target_parameters: [mlp.experts.gate_up_proj]\n"
    )
    experts = 48 * 4 * 128 * (2048 + 2 * 768)
    assert estimate_of(tmp_path, recipe).trainable_parameters == experts + 48 * 4 * (2048 + 4096)
