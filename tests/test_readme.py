"""What the documentation claims is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vramlint.analysis.registry import built_in
from vramlint.dialects import load_all
from vramlint.project.settings import parse_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ("README.md", "CONTRIBUTING.md", "client-vscode/README.md")
FIRST_SCREEN = README.partition("\n## ")[0]


def fenced(language: str, text: str = README) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_first_screen_has_two_commands_of_one_line() -> None:
    commands = fenced("sh", FIRST_SCREEN)
    assert len(commands) == 2
    assert all(command.count("\n") == 1 for command in commands)


def test_the_main_command_says_that_the_example_does_not_fit() -> None:
    """Its last part, run with the vramlint at hand."""
    command = fenced("sh", FIRST_SCREEN)[0].strip().rpartition(" && ")[2].split()
    assert command[0] == ".venv/bin/vramlint"
    program = Path(sys.executable).with_name("vramlint")
    result = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "VL101" in result.stdout


def test_the_first_screen_shows_what_check_says_of_a_config_a_launch_line_and_a_cell(tmp_path: Path) -> None:
    files = {"train.yaml": "yaml", "train.sh": "bash", "train.py": "python"}
    for name, language in files.items():
        (text,) = fenced(language, FIRST_SCREEN)
        (tmp_path / name).write_text(text, encoding="utf-8")
    program = Path(sys.executable).with_name("vramlint")
    command = [program, "check", "--output-format", "concise", *files]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    (printed,) = fenced("text", FIRST_SCREEN)
    assert result.stdout.startswith(printed), result.stdout


def test_the_test_command_is_what_ci_runs() -> None:
    script = fenced("sh", FIRST_SCREEN)[1].split()[1]
    assert (ROOT / script).is_file()
    assert f'exec bash "$(dirname "$0")/../{script}"' in (ROOT / ".ci" / "run").read_text()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_every_dialect_is_listed_with_its_version() -> None:
    table = re.findall(r"^\| \[([^]]+)\]\(docs/dialects/([\w-]+)\.md\) \| ([^ |]+) \|", README, re.MULTILINE)
    assert {row[0]: row[1:] for row in table} == {
        dialect.title: (dialect.name, dialect.version) for dialect in load_all()
    }


def test_the_commands_exist() -> None:
    program = Path(sys.executable).with_name("vramlint")
    commands = set(re.findall(r"^vramlint (\w+)", "\n".join(fenced("sh")), re.MULTILINE))
    assert {"check", "estimate", "fit", "explain"} <= commands
    for command in commands:
        assert subprocess.run([program, command, "--help"], capture_output=True, check=False).returncode == 0


def test_the_settings_are_accepted() -> None:
    (text,) = [block for block in fenced("toml") if "tool.vramlint" in block]
    settings = parse_settings(text, "pyproject.toml")
    assert settings is not None
    assert not settings.problems
    assert settings.per_path


@pytest.mark.parametrize("page", PAGES)
def test_links_and_rule_codes_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith(("http:", "https:")):
            assert ((ROOT / page).parent / target).exists(), target
    known = {rule.code for rule in built_in()}
    assert set(re.findall(r"\bVL\d{3}\b", text)) <= known
