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
