"""Models that a recipe names: how sure an estimate is, and what PEFT makes of one that it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of, estimate_of

RECIPE = """# vramlint: gpu=A100-80GB versions={versions}
model_name_or_path: {model}
dataset_name: own/rows
use_peft: true
max_length: 1024
per_device_train_batch_size: 1
"""
NEWEST = "trl@1.16"


def test_a_family_that_was_measured_has_a_narrow_band(tmp_path: Path) -> None:
    """Ministral 3 is Mistral's decoder with an image tower: within 0.4 % of its class."""
    text = RECIPE.format(model="mistralai/Ministral-3-8B-Instruct-2512", versions=NEWEST)
    estimate = estimate_of(tmp_path, text + "lora_target_modules: all-linear\n")
    assert estimate.modelled
    assert estimate.error_band <= 0.05


def test_a_model_without_default_targets_is_refused_as_peft_does(tmp_path: Path) -> None:
    """Not for its architecture: PEFT 0.21.2 has no row for whisper (utils/constants.py)."""
    analysis = analysis_of(tmp_path, RECIPE.format(model="openai/whisper-small", versions=NEWEST))
    assert analysis.verdict == "unknown"
    (found,) = [finding for finding in analysis.findings if finding.severity == "error"]
    assert "PEFT has no default target modules for whisper" in found.message


@pytest.mark.parametrize("release", ["trl@0.9.6", "trl@0.12", "transformers@4.45", "torch@2.4", NEWEST])
def test_a_release_of_the_last_years_does_not_widen_the_band(tmp_path: Path, release: str) -> None:
    """A band of a third would leave every run near the limit undecided."""
    text = RECIPE.format(model="meta-llama/Llama-3.2-1B", versions=release)
    assert estimate_of(tmp_path, text + "bf16: true\n").error_band <= 0.05
