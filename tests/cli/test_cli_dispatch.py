"""The command line as a process: what it imports, how it fails, and that it never shows a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_running import ROOT, Run
from work import PATIENCE

from vramlint import __version__
from vramlint.cli import COMMANDS

HEAVY = ("pygls", "lsprotocol", "cattrs")


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        timeout=PATIENCE,
    )


def imported(*arguments: str) -> set[str]:
    """Names of the modules that a run of the command line has loaded."""
    code = (
        "import sys; from vramlint.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('MODULES', *sorted(sys.modules), file=sys.stderr)"
    )
    done = python("-c", code, *arguments)
    assert "MODULES" in done.stderr, done.stderr
    return set(done.stderr.rpartition("MODULES")[2].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "examples"),
        ("estimate", "examples/axolotl-llama-3.1-8b-qlora.yaml"),
        ("fit", "examples/axolotl-llama-3.1-8b-full.yaml"),
        ("explain",),
        ("gpus",),
        ("models", "llama"),
        ("schema", "axolotl"),
        ("--version",),
    ],
    ids=lambda arguments: arguments[0],
)
def test_only_the_server_imports_the_protocol(arguments: tuple[str, ...]) -> None:
    assert not imported(*arguments) & set(HEAVY)


def test_version_imports_no_layer_below() -> None:
    loaded = imported("--version")
    assert not loaded & {"argparse", "yaml", "vramlint.document", "vramlint.memory", "vramlint.dialects"}


def test_a_file_that_is_no_config_costs_no_validator(tmp_path: Path) -> None:
    other = tmp_path / "compose.yaml"
    other.write_text("services: {web: {image: nginx}}\n")
    assert not imported("check", str(other)) & {"jsonschema", "vramlint.memory.step"}


def test_python_m_vramlint() -> None:
    assert python("-m", "vramlint", "--version").stdout == f"vramlint {__version__}\n"


def test_the_overview_names_every_command(run: Run) -> None:
    outcome = run("--help")
    assert outcome.code == 0
    assert all(f"  {command}" in outcome.out for command in COMMANDS)
    assert run().code == 2


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "server"])
def test_every_command_has_help_that_starts_with_its_name(run: Run, command: str) -> None:
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(f"usage: vramlint {command}")


def test_a_misspelt_command_is_told_the_nearest(run: Run) -> None:
    outcome = run("chekc")
    assert outcome.code == 2
    assert outcome.err == 'vramlint: no command "chekc"; did you mean "check"?\n'


def test_a_bad_flag_exits_with_2(run: Run) -> None:
    assert run("check", "--nonsense").code == 2


def test_what_goes_wrong_inside_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("a wheel came off")

    monkeypatch.setattr("vramlint.cli.gpus.all_gpus", broken)
    outcome = run("gpus")
    assert outcome.code == 2
    assert outcome.err.startswith("vramlint: internal error: RuntimeError: a wheel came off")
    assert outcome.err.count("\n") == 1


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = subprocess.run(
        f"'{sys.executable}' -m vramlint models | head -n 1",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_output_survives_a_terminal_without_unicode() -> None:
    done = python("-m", "vramlint", "estimate", "examples/textbook-7b.job.yaml", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "###" in done.stdout
