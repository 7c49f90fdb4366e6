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
