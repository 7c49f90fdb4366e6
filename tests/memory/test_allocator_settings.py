"""The allocator's settings: those that frameworks export, and what expandable segments are worth."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of, estimate_of

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

EXPANDABLE = "expandable_segments:True"
AXOLOTL = """base_model: Qwen/Qwen2.5-0.5B
datasets: [{path: tatsu-lab/alpaca, type: alpaca}]
sequence_len: 1024
micro_batch_size: 4
optimizer: adamw_torch_fused
bf16: true
"""
FACTORY = """model_name_or_path: Qwen/Qwen2.5-0.5B
stage: sft
do_train: true
finetuning_type: full
template: qwen
dataset: alpaca
cutoff_len: 1024
bf16: true
output_dir: out
"""
JOB = """# vramlint: gpu=A100-40GB
vramlint: 1
model: meta-llama/Llama-3.2-1B
precision: {weights: float32, autocast: bfloat16}
micro_batch_size: 38
sequence_length: 2048
gradient_checkpointing: full
loss: trl-fused-head
"""


@pytest.mark.parametrize(
    ("directive", "wanted"),
    [
        ("", EXPANDABLE),
        ("versions=torch@2.6", f"{EXPANDABLE},roundup_power2_divisions:16"),
        ("versions=torch@2.1", ""),
    ],
)
def test_axolotl_exports_settings(tmp_path: Path, directive: str, wanted: str) -> None:
    """axolotl 0.21, utils/__init__.py, set_pytorch_cuda_alloc_conf."""
    text = f"# vramlint: {directive}\n{AXOLOTL}" if directive else AXOLOTL
    job = analysis_of(tmp_path, text).job
    assert job is not None
    assert job.allocator == wanted


@pytest.mark.parametrize(("gpus", "wanted"), [(1, ""), (8, EXPANDABLE)])
def test_llamafactory_launches_several_gpus_with_expandable_segments(
    tmp_path: Path, gpus: int, wanted: str
) -> None:
    """llamafactory 0.9.5, launcher.py, OPTIM_TORCH."""
    job = analysis_of(tmp_path, f"# vramlint: gpu=A100-80GB x{gpus}\n{FACTORY}").job
    assert job is not None
    assert job.allocator == wanted


def test_expandable_segments_leave_no_gaps(tmp_path: Path) -> None:
    default, expandable = estimate_of(tmp_path, JOB), estimate_of(tmp_path, f"{JOB}allocator: {EXPANDABLE}\n")
    assert expandable.peak_allocated_bytes == default.peak_allocated_bytes
    assert expandable.device_bytes < default.device_bytes
    low, high = expandable.reserved_range
    assert high <= 1.12 * expandable.peak_allocated_bytes
    assert low <= high


@pytest.mark.parametrize(
    ("allocator", "expandable"),
    [
        ("max_split_size_mb:512, expandable_segments: True", True),
        (f"{EXPANDABLE},expandable_segments:False", False),
    ],
)
def test_the_last_setting_holds_with_spaces_or_without(
    tmp_path: Path, allocator: str, expandable: bool
) -> None:
    estimate = estimate_of(tmp_path, f"{JOB}allocator: '{allocator}'\n")
    plain = estimate_of(tmp_path, JOB)
    assert (estimate.most_slack < plain.most_slack) is expandable


PADDED = """model_name_or_path: Qwen/Qwen2.5-1.5B
dataset_name: trl-lib/Capybara
max_length: 2048
per_device_train_batch_size: 2
gradient_checkpointing: false
packing: false
bf16: true
loss_type: nll
"""


def launched(folder: Path, settings: str) -> int:
    """Reserved bytes of a run that a script starts with these settings."""
    (folder / "a.yaml").write_text(PADDED)
    script = folder / "run.sh"
    script.write_text(f"export PYTORCH_CUDA_ALLOC_CONF='{settings}'\ntrl sft --config a.yaml\n")
    analysis = analyse(Document.read(str(script)), Workspace(folder), Overrides(gpu="A100-80GB"))
    assert analysis.estimate is not None
    return analysis.estimate.peak_reserved_bytes


def test_settings_of_a_launch_script_reach_the_replay(tmp_path: Path) -> None:
    """A threshold of garbage collection holds only where a fraction of the memory is set too
    (benchmarks/allocator_fuzz.py asks the allocator with one).
    """
    plain = launched(tmp_path, "")
    limited = launched(tmp_path, "max_split_size_mb:128")
    assert limited > 1.1 * plain
    assert launched(tmp_path, "garbage_collection_threshold:0.6") == plain
    assert launched(tmp_path, "garbage_collection_threshold:0.6,max_split_size_mb:128") == limited
    assert launched(tmp_path, "large_segment_size_mb:64") < plain
    assert launched(tmp_path, "roundup_power2_divisions:[64:2,>:4]") > plain
    assert launched(tmp_path, "expandable_segments:True") < 0.9 * plain


def test_what_does_not_fit_for_its_gaps_is_told_so(tmp_path: Path) -> None:
    """Replayed, and not said where it is in force already or where the tensors alone are too much."""
    analysis = analysis_of(tmp_path, JOB)
    estimate = analysis.estimate
    assert estimate is not None
    assert analysis.verdict in ("tight", "does_not_fit")
    assert estimate.fits_expandable
    assert any(EXPANDABLE in finding.message for finding in analysis.findings)
    assert not estimate_of(tmp_path, f"{JOB}allocator: {EXPANDABLE}\n").fits_expandable
    assert not estimate_of(tmp_path, JOB.replace("size: 38", "size: 80")).fits_expandable
