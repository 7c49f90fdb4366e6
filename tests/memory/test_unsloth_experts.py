"""Mixtures that Unsloth loads in 4 bits: how their experts are stored, by family and release."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import estimate_of

from vramlint.catalog.facts import GIB

CONFIG = """\
# vramlint: gpu=T4 {versions}
model: {model}
training:
  training_type: lora
  max_seq_length: 1024
  load_in_4bit: true
  batch_size: 1
  gradient_accumulation_steps: 4
lora:
  lora_r: 8
  lora_alpha: 16
"""


@pytest.mark.parametrize(
    ("model", "versions", "least", "most"),
    [
        ("unsloth/gpt-oss-20b", "", 11, 13),
        ("openai/gpt-oss-20b", "", 11, 13),
        ("unsloth/gpt-oss-20b", "versions=unsloth@2025.8", 11, 13),
        ("unsloth/gpt-oss-20b", "versions=unsloth@2026.4", 11, 13),
        ("unsloth/Qwen3-30B-A3B", "", 16, 18),
        ("unsloth/Qwen3-30B-A3B", "versions=unsloth@2026.6", 55, 60),
        ("unsloth/Qwen3-30B-A3B", "versions=unsloth@2025.8", 16, 18),
    ],
)
def test_experts_in_four_bits(tmp_path: Path, model: str, versions: str, least: int, most: int) -> None:
    estimate = estimate_of(tmp_path, CONFIG.format(model=model, versions=versions))
    assert least * GIB < estimate.component_sizes["weights"] < most * GIB


def test_gpt_oss_runs_on_a_t4(tmp_path: Path) -> None:
    """As Unsloth's notebook does."""
    estimate = estimate_of(tmp_path, CONFIG.format(model="unsloth/gpt-oss-20b", versions=""))
    assert estimate.verdict(int(14.6 * GIB)) == "fits"
