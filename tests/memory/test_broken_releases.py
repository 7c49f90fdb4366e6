"""Releases that hold more than the ones before and after them."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of, estimate_of

FSDP2 = """\
# vramlint: gpu=A100-80GB x8 versions=accelerate@{release}
model_name_or_path: Qwen/Qwen2.5-7B
dataset_name: trl-lib/Capybara
output_dir: ./outputs
per_device_train_batch_size: 1
max_length: 16384
packing: true
gradient_checkpointing: false
bf16: true
fsdp: full_shard auto_wrap
fsdp_config:
  fsdp_version: 2
  activation_checkpointing: true
"""
ZERO3 = """\
# vramlint: gpu=A100-80GB x8 versions=deepspeed@{release}
model_name_or_path: meta-llama/Llama-2-7b-hf
dataset_name: trl-lib/Capybara
output_dir: ./outputs
per_device_train_batch_size: 1
max_length: 256
gradient_checkpointing: true
gradient_checkpointing_kwargs: {{use_reentrant: {reentrant}}}
bf16: true
deepspeed: ds.json
"""
STAGE_3 = '{"zero_optimization": {"stage": 3}, "bf16": {"enabled": "auto"}}'
LAYERS, WIDTH = 28, 3584
IN_LAYERS = 6_738_415_616 - 2 * 32000 * 4096


QLORA = """\
# vramlint: gpu={gpu} versions=transformers@{release}
base_model: Qwen/Qwen2.5-32B
datasets: [{{path: a/b, type: alpaca}}]
load_in_4bit: true
adapter: qlora
lora_r: 16
lora_target_linear: true
sequence_len: 1024
micro_batch_size: 1
gradient_checkpointing: true
bf16: true
optimizer: adamw_bnb_8bit
"""
IN_16_BIT = 2 * 32_763_876_352


def fsdp2(folder: Path, release: str) -> int:
    moments = estimate_of(folder, FSDP2.format(release=release)).moments
    return next(found for found in moments if found.name == "loss").components["activations"]


def test_accelerate_checkpointed_each_module_under_fsdp2(tmp_path: Path) -> None:
    """Inputs of two norms, attention and MLP in place of the layer's one."""
    three_more = 3 * LAYERS * 16384 * WIDTH * 2
    assert fsdp2(tmp_path, "1.14") - fsdp2(tmp_path, "1.7") == pytest.approx(three_more, rel=0.001)
    assert fsdp2(tmp_path, "1.15") <= fsdp2(tmp_path, "1.7")


@pytest.mark.parametrize(
    ("release", "reentrant", "keeps"),
    [
        ("0.15.4", "false", False),
        ("0.16.0", "false", True),
        ("0.16.7", "false", True),
        ("0.16.8", "false", False),
        ("0.16.7", "true", False),
    ],
)
def test_deepspeed_kept_what_it_gathered(tmp_path: Path, release: str, reentrant: str, keeps: bool) -> None:
    def peak(release: str) -> int:
        text = ZERO3.format(release=release, reentrant=reentrant)
        return estimate_of(tmp_path, text, ds__json=STAGE_3).phase_peaks["backward"]

    more = peak(release) - peak("0.17.0")
    assert more == (pytest.approx(2 * IN_LAYERS, rel=0.06) if keeps else 0)


def test_a_broken_release_is_a_finding(tmp_path: Path) -> None:
    found = {
        finding.code: finding for finding in analysis_of(tmp_path, FSDP2.format(release="1.14")).findings
    }
    assert "accelerate 1.14 checkpoints each module" in found["VL601"].message
    assert "use accelerate 1.15 or newer" in found["VL601"].message
    assert "VL601" not in {
        finding.code for finding in analysis_of(tmp_path, FSDP2.format(release="1.15")).findings
    }


@pytest.mark.parametrize(
    ("release", "ahead"), [("4.57", False), ("5.0", True), ("5.3.0", True), ("5.4", False)]
)
def test_transformers_read_ahead_of_what_is_quantized(tmp_path: Path, release: str, ahead: bool) -> None:
    """Axolotl's page prints 47 GiB for a 27 B model, which is 50.6 GiB in 16 bit, and in 4 bits is 17."""
    estimate = estimate_of(tmp_path, QLORA.format(gpu="H100-80GB", release=release))
    load = next(found for found in estimate.moments if found.name == "load")
    assert (load.allocated_bytes > IN_16_BIT) is ahead
    assert load.allocated_bytes < IN_16_BIT * 1.01
    assert (estimate.bound == "at most ") is ahead
    short = analysis_of(tmp_path, QLORA.format(gpu="RTX-5090", release=release))
    assert short.verdict == ("unknown" if ahead else "fits")
    assert ("VL601" in [finding.code for finding in short.findings]) is ahead


def test_what_was_quantized_before_is_not_read_in_16_bit(tmp_path: Path) -> None:
    text = QLORA.replace("Qwen/Qwen2.5-32B", "unsloth/Qwen2.5-32B-bnb-4bit")
    estimate = estimate_of(tmp_path, text.format(gpu="RTX-5090", release="5.2"))
    assert estimate.peak_phase != "load"
