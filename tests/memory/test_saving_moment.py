"""Saving: what a checkpoint of a sharded run makes whole on the GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of, estimate_of, moment, names

TRL = """# vramlint: gpu=A100-80GB x8
model_name_or_path: meta-llama/Llama-3.1-8B
dataset_name: trl-lib/Capybara
output_dir: out
dtype: bfloat16
bf16: true
max_length: 512
per_device_train_batch_size: 1
gradient_checkpointing: true
fsdp: full_shard auto_wrap
fsdp_config: {version: VERSION, state_dict_type: KIND}
"""
OUTSIDE = 2 * 128_256 * 4096 + 4096
LAYER = 218_112_000


def gathered(tmp_path: Path, text: str) -> int:
    return moment(estimate_of(tmp_path, text), "save").components["activations"]


@pytest.mark.parametrize(
    ("version", "kind", "elements"),
    [
        ("1", "FULL_STATE_DICT", OUTSIDE + LAYER),
        ("2", "FULL_STATE_DICT", 128_256 * 4096),
        ("1", "SHARDED_STATE_DICT", 0),
        ("2", "SHARDED_STATE_DICT", 0),
    ],
)
def test_a_full_state_dict_is_gathered_in_parts(
    version: str, kind: str, elements: int, tmp_path: Path
) -> None:
    text = TRL.replace("VERSION", version)
    found = gathered(tmp_path, text.replace("KIND", kind))
    shards = gathered(tmp_path, text.replace("KIND", "SHARDED_STATE_DICT"))
    assert found - shards == pytest.approx(4 * elements, abs=2**20), "trained shards are float32"


def test_states_stay_and_gradients_are_gone(tmp_path: Path) -> None:
    estimate = estimate_of(tmp_path, TRL.replace("VERSION", "1").replace("KIND", "FULL_STATE_DICT"))
    assert names(estimate)[-1] == "save"
    save, step = moment(estimate, "save"), moment(estimate, "optimizer")
    assert save.components["gradients"] == 0
    assert save.components["optimizer_states"] == step.components["optimizer_states"]


ZERO = """{"zero_optimization": {"stage": 3, "stage3_gather_16bit_weights_on_model_save": GATHERS},
"bf16": {"enabled": true}}"""


@pytest.mark.parametrize(("gathers", "elements"), [("true", 128_256 * 4096), ("false", 0)])
def test_zero_3_gathers_module_by_module(gathers: str, elements: int, tmp_path: Path) -> None:
    text = TRL.partition("fsdp:")[0] + "deepspeed: ds.json\n"
    estimates = [
        estimate_of(tmp_path, text, ds__json=ZERO.replace("GATHERS", each)) for each in (gathers, "false")
    ]
    more, less = (moment(estimate, "save").components["activations"] for estimate in estimates)
    assert more - less == 2 * elements


JOB = """# vramlint: gpu=A100-40GB x8
vramlint: 1
model: meta-llama/Llama-3.1-70B
method: lora
adapter: {r: 8}
sequence_length: 512
gradient_checkpointing: full
parallel: {strategy: fsdp1, data: 8, param_dtype: bfloat16}
loop: plain
"""


def test_a_state_dict_that_stays_on_the_gpu_does_not_fit(tmp_path: Path) -> None:
    """An adapter saved under FSDP's default state dict, as llama-recipes did: 70B whole on each GPU."""
    assert analysis_of(tmp_path, JOB).verdict == "fits"
    analysis = analysis_of(tmp_path, JOB + "saving: device\n")
    (finding,) = (found for found in analysis.findings if found.code == "VL101")
    assert analysis.estimate is not None
    assert analysis.estimate.peak_phase == "save"
    assert finding.at.key == ("saving",)
    assert "saving gathers 13" in finding.message
