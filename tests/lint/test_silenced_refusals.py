"""A refusal that is silenced, by a comment or by the settings, leaves the verdict of what the file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.analysis.trial import try_changes
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.project.workspace import Workspace

RECIPE = """# vramlint: gpu={gpu}
model_name_or_path: meta-llama/Llama-3.1-8B
dataset_name: own/rows
use_peft: true
lora_target_parameters: [mlp.experts.down_proj]{comment}
lora_target_modules: [q_proj, v_proj]
max_length: 1024
per_device_train_batch_size: 1
dtype: bfloat16
bf16: true
"""
SILENT = "  # vramlint: ignore[VL201]"


def check(folder: Path, gpu: str = "A100-80GB", comment: str = "") -> Analysis:
    document = Document.parse(RECIPE.format(gpu=gpu, comment=comment), str(folder / "sft.yaml"))
    return analyse(document, Workspace(folder))


def test_a_refused_run_has_no_verdict(tmp_path: Path) -> None:
    assert check(tmp_path).verdict == "unknown"
    assert [finding.code for finding in check(tmp_path).findings] == ["VL201"]


@pytest.mark.parametrize(("gpu", "verdict"), [("A100-80GB", "fits"), ("T4", "does_not_fit")])
def test_a_comment_brings_it_back(gpu: str, verdict: str, tmp_path: Path) -> None:
    analysis = check(tmp_path, gpu, SILENT)
    assert analysis.verdict == verdict
    assert [finding.code for finding in analysis.suppressed] == ["VL201"]
    assert ("VL101" in {finding.code for finding in analysis.findings}) is (verdict == "does_not_fit")
    assert analysis.estimate is not None
    assert not any("refuses" in note for note in analysis.estimate.notes)


@pytest.mark.parametrize(
    "settings", ['ignore = ["VL201"]', '[severity]\nVL201 = "off"', '[severity]\nVL201 = "warning"']
)
def test_so_do_the_settings(settings: str, tmp_path: Path) -> None:
    (tmp_path / "vramlint.toml").write_text(settings + "\n")
    assert check(tmp_path).verdict == "fits"


def test_another_refusal_still_counts(tmp_path: Path) -> None:
    text = RECIPE.format(gpu="A100-80GB", comment=SILENT).replace("bf16: true", "bf16: true\nfp16: true")
    analysis = analyse(Document.parse(text, str(tmp_path / "sft.yaml")), Workspace(tmp_path))
    assert analysis.verdict == "unknown"


def test_fixes_and_trials_count_it_as_silenced_too(tmp_path: Path) -> None:
    analysis = check(tmp_path, "RTX-3090", SILENT)
    long = RECIPE.format(gpu="RTX-3090", comment=SILENT).replace("1024", "65536")
    analysis = analyse(Document.parse(long, str(tmp_path / "sft.yaml")), Workspace(tmp_path))
    (finding,) = [finding for finding in analysis.findings if finding.code == "VL101"]
    assert fixes_for(analysis, finding, 1)
    trial = try_changes(analysis, {"sequence_length": 512})
    assert trial is not None
    assert trial.analysis.verdict == "fits"
