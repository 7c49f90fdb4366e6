"""Variables of a launch line reach the run: allocator, visible GPUs, what LLaMA-Factory trains with."""

from __future__ import annotations

from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

CONFIG = """\
base_model: Qwen/Qwen2.5-7B
datasets: [{path: a/b, type: alpaca}]
sequence_len: 1024
micro_batch_size: 1
bf16: true
"""
FACTORY = """\
model_name_or_path: Qwen/Qwen2.5-7B
stage: sft
do_train: true
finetuning_type: full
per_device_train_batch_size: 1
cutoff_len: 1024
bf16: true
"""
TRAINER = """\
import os
os.environ["PYTORCH_CUDA_ALLOC_CONF"] = "expandable_segments:True"
from trl import SFTConfig, SFTTrainer
SFTTrainer("Qwen/Qwen2.5-0.5B", SFTConfig()).train()
"""


def analysed(folder: Path, name: str) -> Analysis:
    document = Document.read(str(folder / name))
    return analyse(document, Workspace(folder), Overrides(gpu="A100-80GB"))


@pytest.mark.parametrize("variable", ["PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"])
def test_the_allocator_of_the_line_beats_that_of_the_framework(tmp_path: Path, variable: str) -> None:
    (tmp_path / "a.yaml").write_text(CONFIG)
    (tmp_path / "run.sh").write_text(
        f"export {variable}=max_split_size_mb:128\naccelerate launch -m axolotl.cli.train a.yaml\n"
    )
    for name in ("run.sh", "a.yaml"):
        job = analysed(tmp_path, name).job
        assert job is not None
        assert job.allocator == "max_split_size_mb:128"
    (tmp_path / "run.sh").write_text("accelerate launch -m axolotl.cli.train a.yaml\n")
    job = analysed(tmp_path, "a.yaml").job
    assert job is not None
    assert "expandable_segments:True" in job.allocator


def test_a_program_sets_its_own_allocator(tmp_path: Path) -> None:
    (tmp_path / "sft.py").write_text(TRAINER)
    job = analysed(tmp_path, "sft.py").job
    assert job is not None
    assert job.allocator == "expandable_segments:True"
    (tmp_path / "run.sh").write_text("PYTORCH_ALLOC_CONF=max_split_size_mb:64 python sft.py\n")
    job = analysed(tmp_path, "run.sh").job
    assert job is not None
    assert job.allocator == "expandable_segments:True"  # the older name counts where both are set


def test_torch_2_7_knows_only_the_older_name_of_the_allocator(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONFIG)
    line = "PYTORCH_ALLOC_CONF=max_split_size_mb:64 accelerate launch -m axolotl.cli.train a.yaml\n"
    for release, reads in (("2.7", False), ("2.14", True)):
        (tmp_path / "run.sh").write_text(f"# vramlint: versions=torch@{release}\n{line}")
        job = analysed(tmp_path, "run.sh").job
        assert job is not None
        assert (job.allocator == "max_split_size_mb:64") is reads


def test_the_visible_gpus_are_those_that_a_launcher_takes(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONFIG)
    (tmp_path / "run.sh").write_text(
        "CUDA_VISIBLE_DEVICES=0,1,2 accelerate launch -m axolotl.cli.train a.yaml\n"
    )
    for name in ("run.sh", "a.yaml"):
        job = analysed(tmp_path, name).job
        assert job is not None
        assert job.gpu_count == 3


@pytest.mark.parametrize(("value", "modelled"), [("1", False), ("true", False), ("0", True), ("no", True)])
def test_megatron_in_place_of_the_trainer_is_said(tmp_path: Path, value: str, modelled: bool) -> None:
    (tmp_path / "a.yaml").write_text(FACTORY)
    (tmp_path / "run.sh").write_text(f"USE_MCA={value} llamafactory-cli train a.yaml\n")
    for name in ("run.sh", "a.yaml"):
        analysis = analysed(tmp_path, name)
        assert (analysis.estimate is not None) == modelled
        if not modelled:
            assert analysis.cannot is not None
            assert "USE_MCA=1" in analysis.cannot.message


RUN = "accelerate launch -m axolotl.cli.train a.yaml"
CUDA = "PYTORCH_CUDA_ALLOC_CONF"
SPLIT = "max_split_size_mb:128"


def allocator_of(folder: Path, script: str) -> str:
    """The allocator's settings of the run that a script starts."""
    (folder / "a.yaml").write_text(CONFIG)
    (folder / "run.sh").write_text(script.format(set=f"{CUDA}={SPLIT}", name=CUDA, run=RUN) + "\n")
    job = analysed(folder, "run.sh").job
    assert job is not None
    return job.allocator


@pytest.mark.parametrize(
    "script",
    [
        "env {set} {run}",
        "env -u OTHER /usr/bin/env {set} {run}",
        "env {set} bash -c '{run}'",
        "env {set} torchrun --nproc_per_node 2 -m axolotl.cli.train a.yaml",
        "nohup env {set} {run} &",
        "sudo -E {set} {run}",
        "declare -x {set}\n{run}",
        "typeset -gx {set}\n{run}",
        "{set}\ndeclare -x {name}\n{run}",
        "srun --export=ALL,{set} {run}",
        "srun -N 1 --export ALL,OTHER=1,{set} {run}",
        "srun --export=ALL,{set} bash -c '{run}'",
        "export {set}\nsrun --export={name} {run}",
        "docker run --gpus all -e {set} image {run}",
        "docker run --env={set} image bash -c '{run}'",
        "export {set}\ndocker run -e {name} image {run}",
        "docker exec -e {set} box {run}",
        "apptainer exec --nv --env OTHER=1,{set} a.sif {run}",
        "mpirun -np 2 -x {set} {run}",
    ],
)
def test_a_variable_reaches_the_run_however_it_is_set(tmp_path: Path, script: str) -> None:
    assert allocator_of(tmp_path, script) == SPLIT


@pytest.mark.parametrize(
    "script",
    [
        "{set}\n{run}",
        "declare {set}\n{run}",
        "declare -x {set}\ndeclare +x {name}\n{run}",
        "export {set}\nexport -n {name}\n{run}",
        "export {set}\nsrun --export=NONE {run}",
        "export {set}\nsrun --export=OTHER {run}",
        "export {set}\nenv -i PATH=/bin {run}",
        "{set} docker run image {run}",
    ],
)
def test_a_variable_that_is_held_back_does_not_reach_the_run(tmp_path: Path, script: str) -> None:
    assert allocator_of(tmp_path, script) != SPLIT


def said(folder: Path, script: str) -> list[tuple[str, str]]:
    """The findings of VL230 in a launch script: what they are at, and what they say."""
    (folder / "a.yaml").write_text(CONFIG)
    (folder / "run.sh").write_text(f"{script}\n")
    analysis = analysed(folder, "run.sh")
    text = analysis.document.text
    found = [each for each in analysis.findings if each.code == "VL230"]
    assert "VL230" not in {each.code for each in analysed(folder, "a.yaml").findings}
    return [(text[slice(*analysis.span(each.at))], each.message) for each in found]


@pytest.mark.parametrize(
    ("script", "at", "message"),
    [
        (
            "export {name}=expandable_segments:true\n{run}",
            "true",
            "`expandable_segments` is 'true', and PyTorch takes True or False: write True",
        ),
        (
            "{name}='max_split_size_mb=128' {run}",
            "max_split_size_mb=128",
            "PyTorch's allocator knows no setting 'max_split_size_mb=128': write max_split_size_mb:128",
        ),
        (
            'env {name}="expandable_segments:True,max_split_size_mb:16" {run}',
            "16",
            "`max_split_size_mb` is '16', and PyTorch takes a whole number, at least 20",
        ),
        (
            "srun --export=ALL,{name}=roundup_power2_divisions:3 {run}",
            "3",
            "`roundup_power2_divisions` is '3', and PyTorch takes a power of two",
        ),
        (
            "A=expandable_segment:True\nexport {name}=$A\n{run}",
            "expandable_segment",
            "PyTorch's allocator knows no setting 'expandable_segment': write expandable_segments",
        ),
        (
            "docker run -e {name}=backend: image bash -c '{run}'",
            "backend:",
            "`backend` has no value, and takes native or cudaMallocAsync",
        ),
    ],
)
def test_a_setting_that_pytorch_refuses_is_said(tmp_path: Path, script: str, at: str, message: str) -> None:
    assert said(tmp_path, script.format(name=CUDA, run=RUN)) == [(at, f"`{CUDA}`: {message}")]


@pytest.mark.parametrize(
    "script",
    [
        "export {name}=expandable_segments:True,max_split_size_mb:128\n{run}",
        "# vramlint: versions=torch@2.4\nexport {name}=expandable_segments:true\n{run}",
        "{name}=expandable_segments:true\n{run}",
        "export {name}=$SETTINGS\n{run}",
    ],
)
def test_a_setting_that_is_taken_or_not_judged_is_not_said(tmp_path: Path, script: str) -> None:
    assert said(tmp_path, script.format(name=CUDA, run=RUN)) == []


def test_the_drivers_pools_are_not_modelled(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONFIG)
    bands = []
    for backend in ("native", "cudaMallocAsync"):
        (tmp_path / "run.sh").write_text(f"{CUDA}=backend:{backend} {RUN}\n")
        estimate = analysed(tmp_path, "run.sh").estimate
        assert estimate is not None
        bands.append(estimate.error_band)
        assert any("cudaMallocAsync" in note for note in estimate.notes) is (backend != "native")
    assert bands[1] >= 0.25 > bands[0]
