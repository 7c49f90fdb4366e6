"""The pre-commit hook, run by pre-commit itself from real git repositories."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHIPPED = (
    *("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".pre-commit-hooks.yaml"),
    *("server", "rules", "schemas", "docs/memory-model.md"),
)

NO_CONFIG = "services:\n  web:\n    image: nginx\n"


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git with an identity of its own and none of the user's settings."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "test",
        "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "test",
        "GIT_COMMITTER_EMAIL": "test@example.org",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def commit_all(folder: Path) -> str:
    """Make a repository of a folder and return its commit."""
    for arguments in (("init", "-q"), ("add", "--all"), ("commit", "-qm", "all of it")):
        result = git(folder, *arguments)
        assert result.returncode == 0, result.stderr
    return git(folder, "rev-parse", "HEAD").stdout.strip()


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with what a user of the hook would clone."""
    folder = tmp_path_factory.mktemp("hook")
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(source, folder / name)
    commit_all(folder)
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's repository: one config that does not fit, one that does, one file that is none."""
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "store"))
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(ROOT / "examples" / "axolotl-llama-3.1-8b-full.yaml", folder / "full.yaml")
    shutil.copy(ROOT / "examples" / "axolotl-llama-3.1-8b-qlora.yaml", folder / "qlora.yaml")
    (folder / "compose.yaml").write_text(NO_CONFIG)
    return folder


def try_repo(hook: Path, project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", "try-repo", str(hook), "vramlint", "--all-files"],
        cwd=project,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_try_repo_reports_the_file_that_does_not_fit(hook: Path, project: Path) -> None:
    commit_all(project)
    result = try_repo(hook, project)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "full.yaml" in result.stdout
    assert "VL101" in result.stdout
    assert "qlora.yaml" not in result.stdout
    assert "compose.yaml" not in result.stdout


def test_a_commit_is_refused_until_the_config_fits(hook: Path, project: Path) -> None:
    revision = git(hook, "rev-parse", "HEAD").stdout.strip()
    (project / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: {hook}\n    rev: {revision}\n    hooks:\n      - id: vramlint\n"
    )
    git(project, "init", "-q")
    installed = subprocess.run(
        [sys.executable, "-m", "pre_commit", "install"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr

    git(project, "add", "--all")
    refused = git(project, "commit", "-m", "does not fit")
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert "VL101" in refused.stdout + refused.stderr

    git(project, "rm", "-q", "--cached", "full.yaml")
    accepted = git(project, "commit", "-m", "fits")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr


def test_a_changed_companion_has_the_config_checked_that_reads_it(hook: Path, project: Path) -> None:
    shutil.rmtree(project)
    shutil.copytree(ROOT / "examples" / "deepspeed-zero3", project)
    commit_all(project)
    revision = git(hook, "rev-parse", "HEAD").stdout.strip()
    (project / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: {hook}\n    rev: {revision}\n    hooks:\n      - id: vramlint\n"
    )
    companion = project / "zero3.json"
    companion.write_text(companion.read_text().replace('"stage": 3', '"stage": 1'))
    git(project, "add", "--all")
    result = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run"],
        cwd=project,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert "axolotl.yaml:" in result.stdout
    assert "VL101" in result.stdout


LAUNCH = """#!/bin/bash
# vramlint: gpu=RTX-4090
CUDA_VISIBLE_DEVICES=0 llamafactory-cli train --model_name_or_path Qwen/Qwen2.5-7B --stage sft \\
    --finetuning_type lora --cutoff_len 4096 --per_device_train_batch_size 4 --bf16
"""
CELL = """# vramlint: gpu=RTX-4090
from trl import SFTConfig, SFTTrainer
args = SFTConfig(per_device_train_batch_size=4, max_length=4096)
SFTTrainer("Qwen/Qwen2.5-7B", args).train()
"""


def test_scripts_and_notebooks_are_checked_and_other_code_is_not(hook: Path, project: Path) -> None:
    shutil.rmtree(project)
    project.mkdir()
    cells = [{"cell_type": "code", "source": CELL.splitlines(keepends=True), "outputs": []}]
    (project / "fit.slurm").write_text(LAUNCH)
    (project / "fit.py").write_text(CELL)
    (project / "fit.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}, indent=1))
    (project / "Makefile").write_text("all:\n\techo done\n")
    (project / "other.py").write_text("print('SFTTrainer(')\n")
    commit_all(project)
    result = try_repo(hook, project)
    assert result.returncode == 1, result.stdout + result.stderr
    for name in ("fit.slurm", "fit.py", "fit.ipynb"):
        assert f"{name}:" in result.stdout
    assert result.stdout.count("VL101") == 3
    assert "other.py" not in result.stdout
    assert "Makefile" not in result.stdout
