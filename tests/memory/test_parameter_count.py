"""A model known by its parameter count alone: the textbook's bytes, activations of models of its size."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of, estimate_of

from vramlint.explain.assumptions import assumptions
from vramlint.memory.estimate import Estimate

TEXTBOOK = """\
# vramlint: gpu={gpu}
vramlint: 1
model: {{parameters: {parameters}}}
precision: {{weights: bfloat16, optimizer_states: float32}}
optimizer: adamw
sequence_length: {tokens}
gradient_checkpointing: {checkpointing}
"""


def textbook(
    folder: Path, parameters: str, gpu: str = "H200", tokens: int = 2048, checkpointing: str = "none"
) -> Estimate:
    text = TEXTBOOK.format(parameters=parameters, gpu=gpu, tokens=tokens, checkpointing=checkpointing)
    return estimate_of(folder, text)


@pytest.mark.parametrize("billions", [0.5, 1.0, 1.5, 3.0, 7.0, 13.0, 30.0, 70.0])
def test_the_textbooks_twelve_bytes_stay_exact(tmp_path: Path, billions: float) -> None:
    sizes = textbook(tmp_path, f"{billions}e+9").component_sizes
    assert sizes["weights"] == sizes["gradients"] == 2 * int(billions * 1e9)
    assert sizes["optimizer_states"] == 8 * int(billions * 1e9)


@pytest.mark.parametrize("optimizer", ["adafactor", "adamw_8bit", "muon", "galore_adamw", "adamw_torch"])
@pytest.mark.parametrize("billions", [0.5, 1.5, 7.0])
def test_every_optimizer_steps_over_a_count(tmp_path: Path, billions: float, optimizer: str) -> None:
    text = f"vramlint: 1\nmodel: {{parameters: {billions}e+9}}\noptimizer: {optimizer}\n"
    assert 0 < estimate_of(tmp_path, text).component_sizes["optimizer_states"] <= 4e9 * billions


def test_the_count_is_the_models_own(tmp_path: Path) -> None:
    estimate = textbook(tmp_path, "7.0e+9")
    assert estimate.parameters == estimate.trainable_parameters == 7_000_000_000
    assert estimate.checkpoint_bytes["weights"] == 14_000_000_000


def test_activations_are_those_of_models_of_that_size(tmp_path: Path) -> None:
    llama = estimate_of(
        tmp_path,
        TEXTBOOK.replace("{{parameters: {parameters}}}", "meta-llama/Llama-2-7b-hf").format(
            gpu="H200", tokens=2048, checkpointing="none"
        ),
    )
    estimate = textbook(tmp_path, "7.0e+9")
    lasting = ("weights", "gradients", "optimizer_states")
    known = sum(estimate.components[name] for name in lasting)
    activations = llama.component_sizes["activations"]
    assert estimate.low_bytes < known + activations < estimate.high_bytes
    assert estimate.component_sizes["activations"] > 0


def test_the_shape_is_a_named_assumption(tmp_path: Path) -> None:
    text = TEXTBOOK.format(parameters="7.0e+9", gpu="H200", tokens=2048, checkpointing="none")
    analysis = analysis_of(tmp_path, text)
    shape = next(each for each in assumptions(analysis) if each.field == "model")
    assert "/" in shape.value
    assert "only a parameter count" in shape.origin
    assert analysis.estimate is not None
    assert any("GiB of activations" in note for note in analysis.estimate.notes)


def test_the_verdict_comes_from_the_range(tmp_path: Path) -> None:
    """18 GB and no activation fit on 24 GB; with 8,192 tokens kept whole no model of that size does."""
    capacity = 24 * 2**30
    assert textbook(tmp_path, "1.5e+9", "RTX-4090", tokens=8192).verdict(capacity) == "does_not_fit"
    assert textbook(tmp_path, "1.5e+9", "RTX-4090", 256, "full").verdict(capacity) == "fits"
    widths = [textbook(tmp_path, "1.5e+9", tokens=tokens).error_band for tokens in (256, 2048)]
    assert widths[0] < widths[1]


def test_a_size_that_no_model_has_gets_no_verdict_that_it_fits(tmp_path: Path) -> None:
    estimate = textbook(tmp_path, "1.0e+13", "H200")
    assert estimate.component_sizes["activations"] == 0
    assert estimate.verdict(10**15) == "unknown"
    assert estimate.verdict(2**30) == "does_not_fit"


def test_adapters_and_degrees_act_on_a_count(tmp_path: Path) -> None:
    base = "vramlint: 1\nmodel: {parameters: 7.0e+9}\nmicro_batch_size: 1\nsequence_length: 512\n"
    lora = estimate_of(tmp_path, base + "method: lora\nadapter: {r: 16}\n")
    assert 20e6 < lora.trainable_parameters < 60e6
    qlora = estimate_of(tmp_path, base + "method: qlora\nadapter: {r: 16}\n")
    assert qlora.component_sizes["weights"] < 0.4 * lora.component_sizes["weights"]
    split = estimate_of(tmp_path, base + "parallel: {tensor: 4}\n")
    whole = estimate_of(tmp_path, base)
    assert split.component_sizes["weights"] < 0.3 * whole.component_sizes["weights"]


def test_a_quantized_count_is_counted_as_quantized(tmp_path: Path) -> None:
    """Half a byte a weight and its constants, the least that such a run can need; quantized one by one."""
    text = "vramlint: 1\nmodel: mistralai/Voxtral-Mini-3B-2507\nmethod: qlora\nadapter: {r: 8}\n"
    estimate = estimate_of(tmp_path, text)
    assert 0.5 < estimate.components["weights"] / estimate.parameters < 0.57
    assert estimate.device_bytes < 0.75 * estimate.parameters
