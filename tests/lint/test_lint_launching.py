"""Launchers in the workspace declare the GPUs of the configs that they start."""

from __future__ import annotations

from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

CONFIG = "base_model: NousResearch/Llama-3.2-1B\ndatasets: []\nmicro_batch_size: 1\nsequence_len: 512\n"
TASK = """name: tune
resources:
  accelerators: {gpu}
num_nodes: {nodes}
run: |
  axolotl train configs/a.yaml
"""
SCRIPT = "#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --gres=gpu:{gpu}:4\nsrun axolotl train configs/a.yaml\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    path = tmp_path / "configs" / "a.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def analysed(path: Path, root: Path, workspace: Workspace | None = None, gpu: str | None = None) -> Analysis:
    text = path.read_text(encoding="utf-8")
    return analyse(Document.parse(text, str(path)), workspace or Workspace(root), Overrides(gpu=gpu))


def task(root: Path, gpu: str = "A100-80GB:8", nodes: int = 1, name: str = "sky.yaml") -> None:
    (root / name).write_text(TASK.format(gpu=gpu, nodes=nodes), encoding="utf-8")


def test_a_task_declares_kind_count_and_nodes(config: Path, tmp_path: Path) -> None:
    task(tmp_path, nodes=2)
    analysis = analysed(config, tmp_path)
    declared = analysis.declared
    assert declared is not None
    assert declared.gpu is not None
    assert (declared.source, declared.gpu.name, declared.count, declared.nodes) == (
        "launcher", "A100 80GB SXM", 8, 2,
    )  # fmt: skip
    assert analysis.verdict == "fits"
    assert analysis.job is not None
    assert analysis.job.gpu_count * analysis.job.nodes == 16
    assert analysis.reading is not None
    assert "sky.yaml" in analysis.reading.companions


def test_flag_and_comment_are_stronger_and_settings_weaker(config: Path, tmp_path: Path) -> None:
    task(tmp_path)
    (tmp_path / "vramlint.toml").write_text('gpu = "T4"\n', encoding="utf-8")
    assert analysed(config, tmp_path).declared.source == "launcher"  # type: ignore[union-attr]
    assert analysed(config, tmp_path, gpu="L4").declared.source == "flag"  # type: ignore[union-attr]
    config.write_text(f"# vramlint: gpu=L4\n{CONFIG}", encoding="utf-8")
    assert analysed(config, tmp_path).declared.source == "directive"  # type: ignore[union-attr]


def test_launchers_that_disagree_do_not_count(config: Path, tmp_path: Path) -> None:
    task(tmp_path)
    task(tmp_path, gpu="L4:1", name="small.yaml")
    assert analysed(config, tmp_path).declared is None


@pytest.mark.parametrize("gpu", ["{L4: 1, A100: 1}", "[L4:1, A100:1]", "Unobtainium:8"])
def test_choices_and_unknown_cards_declare_nothing(config: Path, tmp_path: Path, gpu: str) -> None:
    task(tmp_path, gpu=gpu)
    analysis = analysed(config, tmp_path)
    assert analysis.declared is None
    assert not [finding for finding in analysis.findings if finding.severity == "error"]


def test_a_batch_script_says_how_many_and_where_certain_which(config: Path, tmp_path: Path) -> None:
    script = tmp_path / "run.sbatch"
    script.write_text(SCRIPT.format(gpu="l40s"), encoding="utf-8")
    declared = analysed(config, tmp_path).declared
    assert declared is not None
    assert declared.gpu is not None
    assert (declared.gpu.name, declared.count, declared.nodes) == ("L40S", 4, 2)
    script.write_text(SCRIPT.format(gpu="a100"), encoding="utf-8")
    assert analysed(config, tmp_path).declared is None
    (tmp_path / "vramlint.toml").write_text('gpu = "A100-80GB"\n', encoding="utf-8")
    declared = analysed(config, tmp_path).declared
    assert declared is not None
    assert (declared.source, declared.name, declared.count, declared.nodes) == ("settings", "A100-80GB", 4, 2)


def test_a_name_means_the_file_beside_the_launcher_or_one_of_that_folder(
    config: Path, tmp_path: Path
) -> None:
    task(tmp_path / "configs", name="sky.yaml")
    other = tmp_path / "b.yaml"
    other.write_text(CONFIG, encoding="utf-8")
    assert analysed(config, tmp_path).declared is not None
    assert analysed(other, tmp_path).declared is None


def test_edits_of_a_launcher_count_at_once_open_or_saved(config: Path, tmp_path: Path) -> None:
    task(tmp_path)
    overlay: dict[str, str] = {}
    workspace = Workspace(tmp_path, overlay=overlay)
    assert analysed(config, tmp_path, workspace).declared.count == 8  # type: ignore[union-attr]
    overlay[str((tmp_path / "sky.yaml").resolve())] = TASK.format(gpu="A100-80GB:2", nodes=1)
    assert analysed(config, tmp_path, workspace).declared.count == 2  # type: ignore[union-attr]
    overlay.clear()
    task(tmp_path, gpu="A100-80GB:16")
    assert analysed(config, tmp_path, workspace).declared.count == 16  # type: ignore[union-attr]
    (tmp_path / "sky.yaml").unlink()
    assert analysed(config, tmp_path, workspace).declared is None


def test_a_task_itself_is_recognised_and_silent(tmp_path: Path) -> None:
    task(tmp_path)
    analysis = analysed(tmp_path / "sky.yaml", tmp_path)
    assert analysis.dialect is not None
    assert analysis.dialect.name == "skypilot"
    assert not analysis.findings


RECIPE = """model_name_or_path: meta-llama/Llama-2-7b-hf
dataset_name: x/y
output_dir: o
bf16: true
gradient_checkpointing: true
per_device_train_batch_size: 1
max_length: 2048
"""
ZERO3 = """compute_environment: LOCAL_MACHINE
distributed_type: DEEPSPEED
deepspeed_config:
  zero_stage: 3
mixed_precision: bf16
num_machines: 1
num_processes: 4
"""
LINE = "accelerate launch --config_file acc/zero3.yaml \\\n  sft.py --config sft.yaml\n"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "acc").mkdir()
    (tmp_path / "acc" / "zero3.yaml").write_text(ZERO3, encoding="utf-8")
    path = tmp_path / "sft.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def strategy(analysis: Analysis) -> str:
    assert analysis.job is not None
    return analysis.job.parallel.strategy


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.sh", "#!/bin/bash\n" + LINE),
        ("train.slurm", "#SBATCH --nodes=1\n#SBATCH --gres=gpu:4\nsrun " + LINE),
        ("Makefile", "train:\n\t" + LINE.replace("\\\n", "")),
        ("sky.yaml", "resources:\n  accelerators: A100-80GB:4\nrun: |\n  " + LINE.replace("\\\n", "")),
        ("run.bash", "python -m accelerate.commands.launch --config_file=acc/zero3.yaml sft.py sft.yaml\n"),
    ],
)
def test_the_launch_line_gives_its_engine_to_the_config(recipe: Path, name: str, text: str) -> None:
    (recipe.parent / name).write_text(text, encoding="utf-8")
    analysis = analysed(recipe, recipe.parent, gpu="A100-80GB x4")
    assert strategy(analysis) == "zero3"
    assert analysis.verdict == "fits"
    assert analysis.reading is not None
    assert {"acc/zero3.yaml", name} <= set(analysis.reading.companions)


def test_the_comments_at_the_head_of_a_config_are_a_launch_line_too(recipe: Path) -> None:
    recipe.write_text("# It doesn't need more than this:\n# " + LINE.replace("\n  ", "\n#  ") + RECIPE)
    assert strategy(analysed(recipe, recipe.parent, gpu="A100-80GB x4")) == "zero3"


def test_options_of_the_launch_line_beat_its_file(recipe: Path) -> None:
    (recipe.parent / "run.sh").write_text(LINE.replace("sft.py", "--zero_stage 2 --num-processes=8 sft.py"))
    analysis = analysed(recipe, recipe.parent, gpu="A100-80GB x8")
    assert strategy(analysis) == "zero2"
    assert analysis.job is not None
    assert analysis.job.parallel.data == 8


def test_an_engine_can_be_options_alone(recipe: Path) -> None:
    line = "accelerate launch --use_fsdp --fsdp_version 2 --num_processes 4 sft.py --config sft.yaml\n"
    (recipe.parent / "run.sh").write_text(line)
    assert strategy(analysed(recipe, recipe.parent, gpu="A100-80GB x4")) == "fsdp2"


def severities(analysis: Analysis) -> list[tuple[str, bool]]:
    return [
        (finding.severity, "DDP" in finding.message)
        for finding in analysis.findings
        if finding.code == "VL101"
    ]


def test_an_engine_that_nothing_names_is_an_assumption(recipe: Path) -> None:
    assert severities(analysed(recipe, recipe.parent, gpu="A100-80GB x4")) == [("warning", True)]
    assert severities(analysed(recipe, recipe.parent, gpu="A100-80GB")) == [("error", False)]


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("torchrun --nproc_per_node 4 sft.py --config sft.yaml", ("error", False)),
        ("accelerate launch --multi_gpu sft.py --config sft.yaml", ("error", False)),
        ("accelerate launch sft.py --config sft.yaml", ("warning", True)),
        ("accelerate launch --config_file elsewhere.yaml sft.py --config sft.yaml", ("warning", True)),
    ],
)
def test_only_a_launcher_that_can_name_no_engine_makes_it_certain(
    recipe: Path, line: str, severity: tuple[str, bool]
) -> None:
    (recipe.parent / "run.sh").write_text(line + "\n")
    assert severities(analysed(recipe, recipe.parent, gpu="A100-80GB x4")) == [severity]


def test_lines_that_name_different_engines_name_none(recipe: Path) -> None:
    (recipe.parent / "run.sh").write_text(LINE + "torchrun --nproc_per_node 4 sft.py --config sft.yaml\n")
    assert severities(analysed(recipe, recipe.parent, gpu="A100-80GB x4")) == [("warning", True)]


def test_a_count_holds_without_the_kind_of_gpu(recipe: Path) -> None:
    (recipe.parent / "run.slurm").write_text("#SBATCH --nodes=2\n#SBATCH --gres=gpu:4\nsrun " + LINE)
    analysis = analysed(recipe, recipe.parent)
    assert analysis.declared is None
    assert analysis.job is not None
    assert (analysis.job.gpu_count, analysis.job.nodes) == (4, 2)
    assert analysed(recipe, recipe.parent, gpu="A100-80GB").declared.count == 4  # type: ignore[union-attr]
    assert analysed(recipe, recipe.parent, gpu="A100-80GB x2").declared.count == 2  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("model", "verdict", "asked"),
    [
        ("Qwen/Qwen2.5-0.5B", "fits", 0),
        ("Qwen/Qwen2.5-7B", "unknown", 1),
        ("Qwen/Qwen2.5-14B", "does_not_fit", 0),
    ],
)
def test_a_name_of_several_gpus_is_asked_for_where_it_matters(
    tmp_path: Path, model: str, verdict: str, asked: int
) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(f"# vramlint: gpu=A100\nvramlint: 1\nmodel: {model}\nsequence_length: 512\n")
    analysis = analysed(path, tmp_path)
    found = [finding for finding in analysis.findings if finding.code == "VL901"]
    assert (analysis.verdict, len(found)) == (verdict, asked)
    if asked:
        assert found[0].severity == "warning"
        assert {fix.title for fix in found[0].fixes} == {"declare A100 40GB SXM", "declare A100 80GB SXM"}


def test_what_a_remote_service_trains_has_no_estimate_here(tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    path.write_text(
        CONFIG + "plugins: [axolotl.integrations.hatchery.HatcheryPlugin]\nhatchery: {lora_rank: 16}\n"
    )
    analysis = analysed(path, tmp_path, gpu="RTX-4090")
    assert analysis.estimate is None
    assert analysis.cannot is not None
    assert analysis.cannot.code == "trained-elsewhere"
