"""Which files are looked at, which rules speak, and how reports are written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cli_running import ROOT, Run

from vramlint.lazy_dataclasses import fields
from vramlint.project.settings import _NOT_WRITTEN, Settings, parse_settings
from vramlint.project.settings_schema import settings_schema

LARGE = """\
# vramlint: gpu=RTX-4090
base_model: meta-llama/Llama-3.1-8B
sequence_len: 4096
micro_batch_size: 2
bf16: true
datasets: [{path: x, type: alpaca}]
"""


@pytest.fixture
def project(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the same large run in three places."""
    (tmp_path / ".git").mkdir()
    for name in ("a.yaml", "old/b.yaml", "out/c.yaml"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(LARGE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def paths(run: Run, *arguments: str) -> list[str]:
    files = run("check", "--output-format", "json", *arguments).json["files"]
    return [Path(file["path"]).as_posix() for file in files if file["findings"]]


class TestFiles:
    def test_what_git_ignores_is_passed_over(self, project: Path, run: Run) -> None:
        (project / ".gitignore").write_text("out/\n")
        assert paths(run) == ["a.yaml", "old/b.yaml"]
        assert paths(run, "--no-gitignore") == ["a.yaml", "old/b.yaml", "out/c.yaml"]
        (project / "vramlint.toml").write_text("respect-gitignore = false\n")
        assert len(paths(run)) == 3

    def test_an_inner_gitignore_takes_back(self, project: Path, run: Run) -> None:
        (project / ".gitignore").write_text("*.yaml\n")
        (project / "old" / ".gitignore").write_text("!b.yaml\n")
        assert paths(run) == ["old/b.yaml"]
        assert paths(run, "old") == ["old/b.yaml"]

    def test_outside_of_a_repository_gitignore_is_a_file_like_others(self, project: Path, run: Run) -> None:
        (project / ".git").rmdir()
        (project / ".gitignore").write_text("out/\n")
        assert "out/c.yaml" in paths(run)

    def test_settings_and_flag_exclude(self, project: Path, run: Run) -> None:
        (project / "vramlint.toml").write_text('exclude = ["out/"]\n')
        assert paths(run, "--exclude", "old") == ["a.yaml"]

    def test_a_named_file_is_checked_all_the_same(self, project: Path, run: Run) -> None:
        (project / ".gitignore").write_text("out/\n")
        assert paths(run, "out/c.yaml") == ["out/c.yaml"]
        assert paths(run, "--force-exclude", "out/c.yaml", "a.yaml") == ["a.yaml"]


class TestSelectors:
    @pytest.mark.parametrize(
        ("settings", "flags", "on"),
        [
            ('ignore = ["VL101"]', (), False),
            ('ignore = ["VL101"]', ("--select", "VL101"), True),
            ('ignore = ["VL1"]', ("--extend-select", "VL101"), True),
            ('ignore = ["VL1"]\nextend-select = ["does-not-fit"]', (), True),
            ('ignore = ["VL101"]\nselect = ["VL1"]', (), False),
            ('select = ["VL101"]\nignore = ["VL1"]', (), True),
            ('select = ["VL101"]\nignore = ["VL101"]', (), False),
            ('select = ["VL4"]', (), False),
            ('select = ["VL4"]\nextend-select = ["VL101"]', (), True),
            ('select = ["VL4"]', ("--extend-select", "VL1"), True),
            ('select = ["VL101"]', ("--ignore", "VL1"), False),
            ('select = ["VL101"]', ("--extend-ignore", "VL101"), False),
            ('extend-ignore = ["VL101"]', (), False),
            ('per-file-ignores = { "*.yaml" = ["VL101"] }', (), False),
            ('per-file-ignores = { "old/**" = ["VL101"] }', (), True),
            ('per-file-ignores = { "*.yaml" = ["VL101"] }', ("--isolated",), True),
        ],
    )
    def test_the_more_specific_and_the_command_line_win(
        self, project: Path, run: Run, settings: str, flags: tuple[str, ...], on: bool
    ) -> None:
        (project / "vramlint.toml").write_text(settings + "\n")
        assert run("check", "a.yaml", *flags).code == int(on)

    def test_one_settings_file_for_all(self, project: Path, run: Run) -> None:
        (project / "vramlint.toml").write_text('ignore = ["VL101"]\n')
        (project / "ci.toml").write_text('gpu = "H100-80GB"\n')
        assert run("check", "a.yaml").code == 0
        assert run("check", "a.yaml", "--config", "ci.toml").code == 1

    def test_show_settings(self, project: Path, run: Run) -> None:
        (project / "vramlint.toml").write_text('ignore = ["VL1"]\n')
        out = run("check", "--show-settings", "--extend-select", "VL102").out
        assert "a.yaml and 3 more" in out
        assert 'ignore = ["VL1"]' in out
        assert "VL102" in out.partition("  warning: ")[2].splitlines()[0]
        assert "VL101" in out.partition("  off: ")[2].splitlines()[0]


class TestBaseline:
    def test_what_is_known_is_left_out_until_something_new_comes(self, project: Path, run: Run) -> None:
        assert run("check", "--generate-baseline", "known.json").code == 0
        assert run("check", "--baseline", "known.json").code == 0
        (project / "new.yaml").write_text(LARGE)
        assert paths(run, "--baseline", "known.json") == ["new.yaml"]

    def test_it_outlives_lines_and_figures(self, project: Path, run: Run) -> None:
        run("check", "--generate-baseline", "known.json")
        (project / "a.yaml").write_text("# more\n\n" + LARGE.replace("size: 2", "size: 4"))
        assert run("check", "--baseline", "known.json").code == 0

    def test_it_holds_from_another_folder(
        self, project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run("check", "--generate-baseline", "known.json")
        monkeypatch.chdir(project / "old")
        assert run("check", "--baseline", "../known.json").code == 0

    def test_what_is_wrong_with_the_settings_stays(self, project: Path, run: Run) -> None:
        (project / "vramlint.toml").write_text("igore = []\n")
        run("check", "--generate-baseline", "known.json")
        assert run("check", "--baseline", "known.json").code == 2


class TestReports:
    def test_statistics(self, project: Path, run: Run) -> None:
        out = run("check", "--select", "VL101", "--statistics").out
        assert out.startswith("3  VL101  error        does-not-fit\n")
        assert out.rstrip().endswith("3 runs: 3 do not fit")
        rows = run("check", "--select", "VL101", "--statistics", "--output-format", "json").json
        assert rows == [
            {"code": "VL101", "name": "does-not-fit", "severity": "error", "count": 3, "files": 3}
        ]

    def test_a_file_takes_the_report(self, project: Path, run: Run) -> None:
        outcome = run("check", "--output-format", "sarif", "--output-file", "report.sarif")
        assert (outcome.code, outcome.out) == (1, "")
        assert json.loads((project / "report.sarif").read_text())["version"] == "2.1.0"
        assert run("check", "--output-file", "no/such/folder").code == 2

    def test_a_line_a_finding(self, project: Path, run: Run) -> None:
        rows = [
            json.loads(line)
            for line in run("check", "--select", "VL101", "--output-format", "jsonl").out.splitlines()
        ]
        assert [row["path"] for row in rows] == ["a.yaml", "old/b.yaml", "out/c.yaml"]
        assert {row["code"] for row in rows} == {"VL101"}

    def test_sarif_knows_a_finding_again_and_names_what_was_not_read(self, project: Path, run: Run) -> None:
        (project / "binary.yaml").write_bytes(b"base_model: x\0")
        outcome = run("check", ".", "--select", "VL101", "--output-format", "sarif")
        assert outcome.code == 2
        (log,) = outcome.json["runs"]
        prints = [each["partialFingerprints"]["vramlintFileRuleKey/v1"] for each in log["results"]]
        assert len(set(prints)) == 3
        (invocation,) = log["invocations"]
        assert not invocation["executionSuccessful"]
        (unread,) = invocation["toolExecutionNotifications"]
        assert unread["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "binary.yaml"

    def test_a_number_of_processes(self, project: Path, run: Run) -> None:
        assert run("check", "--jobs", "1").code == 1
        assert run("check", "--jobs", "none").code == 2


@pytest.mark.parametrize("setting", [each.name for each in fields(Settings) if each.name not in _NOT_WRITTEN])
def test_every_setting_is_in_the_schema(setting: str) -> None:
    assert setting.replace("_", "-") in settings_schema()["properties"]


@pytest.mark.parametrize(
    "settings",
    [
        {"gpu": "A100-80GB x8", "select": ["VL1"], "severity": {"VL2": "off"}, "hub": True},
        {"per-path": {"a/**": {"ignore": ["VL1"]}}, "per-file-ignores": {"*.yaml": ["VL101"]}},
        {"select": "VL101"},
        {"igore": []},
        {"severity": {"VL1": "fatal"}},
        {"per-file-ignores": {"*": "VL1"}},
        {"per-path": {"a": {"gpus": "T4"}}},
        {"exclude": "out"},
        {"hub": "yes"},
    ],
)
def test_the_schema_takes_what_vramlint_takes(settings: dict[str, Any], tmp_path: Path) -> None:
    text = "\n".join(f"{key} = {_toml(value)}" for key, value in settings.items())
    read = parse_settings(text, str(tmp_path / "vramlint.toml"))
    assert read is not None
    valid = jsonschema.Draft202012Validator(settings_schema()).is_valid(settings)
    assert valid is not bool(read.problems)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_every_command_and_option(run: Run, shell: str) -> None:
    text = run("completion", shell).out
    for word in ("check", "estimate", "fit", "output-format", "sarif", "maximize"):
        assert word in text


def test_bash_completes(run: Run, tmp_path: Path) -> None:
    script = tmp_path / "vramlint.bash"
    script.write_text(run("completion", "bash").out)
    asked = 'source "$0"; COMP_WORDS=(vramlint check --output-format s); COMP_CWORD=3; _vramlint; '
    done = subprocess.run(
        ["bash", "-c", asked + 'echo "${COMPREPLY[@]}"', str(script)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "sarif\n"


def test_a_closed_pipe_is_quiet() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "vramlint", "models"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


@pytest.mark.parametrize("command", ["check", "estimate", "fit"])
def test_an_ascii_terminal_gets_ascii(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vramlint", command, "examples/trl-sft-tight.yaml"],
        cwd=ROOT,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout
    assert "\\u" not in done.stdout
    assert "\\x" not in done.stdout
