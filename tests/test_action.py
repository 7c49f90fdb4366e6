"""The GitHub action: its steps, run by the shell that they name."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
FULL = "examples/axolotl-llama-3.1-8b-full.yaml"
QLORA = "examples/axolotl-llama-3.1-8b-qlora.yaml"


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """A runner's temporary folder in which the first step has been done."""
    programs = tmp_path / "vramlint" / "bin"
    programs.mkdir(parents=True)
    (programs / "vramlint").symlink_to(Path(sys.executable).with_name("vramlint"))
    return tmp_path


def step(runner: Path, name: str, folder: Path = ROOT, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub does, with defaults for the inputs that are left out."""
    values = {key: str(each["default"]) for key, each in ACTION["inputs"].items()}
    values |= {key.replace("_", "-"): value for key, value in inputs.items()}
    known = {f"inputs.{key}": value for key, value in values.items()}
    known["steps.install.outputs.programs"] = str(runner / "vramlint" / "bin")
    given = {
        variable: re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: known.get(found[1], found[0]), expression)
        for variable, expression in STEPS[name]["env"].items()
    }
    assert not [value for value in given.values() if "${{" in value and "github." not in value]
    return subprocess.run(
        [STEPS[name]["shell"], "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]],
        cwd=folder,
        env={
            **os.environ,
            **given,
            "RUNNER_TEMP": str(runner),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_STEP_SUMMARY": str(runner / "summary.md"),
            "GITHUB_OUTPUT": str(runner / "output"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def check(runner: Path, paths: str, **inputs: str) -> subprocess.CompletedProcess[str]:
    return step(runner, "Check", paths=paths, **inputs)


class TestCheck:
    def test_annotates_the_key_that_does_not_fit(self, runner: Path) -> None:
        result = check(runner, f"{QLORA} {FULL}")
        assert result.returncode == 1, result.stderr
        assert result.stdout.startswith(f"::error file={FULL},line=15")

    def test_passes_the_gpu_on(self, runner: Path) -> None:
        result = check(runner, FULL, gpu="MI300X")
        assert result.returncode == 0, result.stdout + result.stderr

    def test_paths_on_lines_of_their_own(self, runner: Path, tmp_path: Path) -> None:
        odd = tmp_path / "a run.yaml"
        shutil.copy(ROOT / FULL, odd)
        result = check(runner, f"{QLORA}\n\n{odd}\n")
        assert result.returncode == 1, result.stderr
        assert f"file={odd}," in result.stdout
        assert result.stderr == ""

    def test_no_path_is_the_whole_repository(self, runner: Path) -> None:
        result = step(runner, "Check", ROOT / "examples", paths="")
        assert result.returncode == 1
        assert "file=axolotl-llama-3.1-8b-full.yaml," in result.stdout

    def test_a_path_is_no_option(self, runner: Path) -> None:
        assert check(runner, "--exit-zero\n" + FULL).returncode == 2

    def test_settings_and_baseline(self, runner: Path, tmp_path: Path) -> None:
        settings, baseline = tmp_path / "ci.toml", tmp_path / "known.json"
        settings.write_text('ignore = ["VL101"]\n')
        assert check(runner, FULL, config=str(settings)).returncode == 0
        assert check(runner, FULL, config=str(tmp_path / "missing.toml")).returncode == 2
        subprocess.run(
            [runner / "vramlint/bin/vramlint", "check", FULL, "--generate-baseline", baseline],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        assert check(runner, FULL, baseline=str(baseline)).returncode == 0
        assert check(runner, FULL, baseline=str(tmp_path / "missing.json")).returncode == 2

    def test_required_verdicts(self, runner: Path, tmp_path: Path) -> None:
        run = tmp_path / "run.yaml"
        run.write_text("vramlint: 1\nmodel: meta-llama/Llama-3.1-8B\n")
        assert check(runner, str(run)).returncode == 0
        assert check(runner, str(run), require_verdict="true").returncode == 1
        assert check(runner, str(run), require_verdict="yes").returncode == 2
        assert check(runner, str(run), fail_on="information").returncode == 1
        assert check(runner, str(run), fail_on="fatal").returncode == 2

    def test_a_report_for_code_scanning(self, runner: Path, tmp_path: Path) -> None:
        report = tmp_path / "vramlint.sarif"
        result = check(runner, FULL, format="sarif", output_file=str(report))
        assert (result.returncode, result.stdout) == (1, "")
        assert json.loads(report.read_text())["version"] == "2.1.0"


class TestSummary:
    @pytest.fixture
    def project(self, tmp_path: Path) -> Path:
        """A checkout whose last commit makes a run too large."""
        folder = tmp_path / "project"
        folder.mkdir()
        shutil.copy(ROOT / QLORA, folder / "run.yaml")
        who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        for arguments in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "fits"]):
            subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True)
        text = (folder / "run.yaml").read_text()
        (folder / "run.yaml").write_text(text.replace("micro_batch_size: 1", "micro_batch_size: 8"))
        subprocess.run(
            ["git", "-C", folder, *who, "commit", "-qam", "larger"], check=True, capture_output=True
        )
        return folder

    def test_names_the_run_that_changed(self, runner: Path, project: Path) -> None:
        result = step(runner, "Say what changed", project, against="HEAD^")
        assert result.returncode == 0, result.stderr
        summary = (runner / "summary.md").read_text(encoding="utf-8")
        assert "### GPU memory: 1 run differs from HEAD^" in summary.replace("&#94;", "^")
        assert "fits → ✗ **does not fit** on RTX 4090" in summary

    def test_a_base_that_is_not_there_is_a_warning(self, runner: Path, project: Path) -> None:
        result = step(runner, "Say what changed", project, against="0" * 40)
        assert result.returncode == 0
        assert "::warning::" in result.stdout

    def test_a_shallow_checkout_fetches_the_base(self, runner: Path, project: Path, tmp_path: Path) -> None:
        shallow = tmp_path / "shallow"
        subprocess.run(["git", "-C", project, "config", "uploadpack.allowAnySHA1InWant", "true"], check=True)
        found = subprocess.run(
            ["git", "-C", project, "rev-parse", "HEAD^"], check=True, capture_output=True, text=True
        )
        subprocess.run(["git", "clone", "-q", "--depth=1", project.as_uri(), shallow], check=True)
        result = step(runner, "Say what changed", shallow, against=found.stdout.strip())
        assert result.returncode == 0
        assert "**does not fit**" in (runner / "summary.md").read_text(encoding="utf-8")


class TestInstall:
    """Against a Python that only says what it is asked to do."""

    @pytest.fixture
    def install(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
        """Runs the step with a Python of that name and a folder of programs; returns what pip was told."""

        def run(name: str = "python3", folder: str = "bin", **inputs: str) -> list[str]:
            programs = tmp_path / "path"
            programs.mkdir()
            for needed in ("bash", "mkdir", "cp"):
                (programs / needed).symlink_to(shutil.which(needed) or "")
            python = programs / name
            python.write_text(
                f'#!/bin/sh\n[ "$2" = venv ] || {{ echo "$@"; exit; }}\nmkdir -p "$3/{folder}"\n'
                f'cp "$0" "$3/{folder}/python"\n'
            )
            python.chmod(0o755)
            monkeypatch.setenv("PATH", str(programs))
            result = step(tmp_path, "Install vramlint", **inputs)
            assert result.returncode == 0, result.stderr
            return result.stdout.split()

        return run

    @pytest.mark.parametrize(("version", "wanted"), [("", str(ROOT)), ("0.1.0", "vramlint==0.1.0")])
    def test_what_is_installed(self, install: Callable[..., list[str]], version: str, wanted: str) -> None:
        assert install(version=version) == ["-m", "pip", "install", "--quiet", wanted]

    @pytest.mark.parametrize("folder", ["bin", "Scripts"])
    def test_later_steps_find_the_programs(
        self, install: Callable[..., list[str]], tmp_path: Path, folder: str
    ) -> None:
        install(folder=folder)
        programs = (tmp_path / "output").read_text().strip()
        assert programs == f"programs={tmp_path / 'vramlint' / folder}"

    def test_a_python_of_another_name(self, install: Callable[..., list[str]]) -> None:
        assert install(name="python")


def test_every_input_is_used() -> None:
    used = " ".join(
        [value for each in STEPS.values() for value in each["env"].values()]
        + [each.get("if", "") for each in STEPS.values()]
    )
    for name in ACTION["inputs"]:
        assert f"inputs.{name} " in used


def test_no_input_is_part_of_a_script() -> None:
    assert [name for name, each in STEPS.items() if "${{" in each["run"]] == []
