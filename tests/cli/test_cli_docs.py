"""The pages of the command line name every option, format and key there is."""

from __future__ import annotations

import pytest
from cli_running import ROOT, Run

from vramlint.cli import COMMANDS, check, estimate, fit
from vramlint.cli.output import FORMATS

CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
JSON = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_on_the_page(command: str) -> None:
    assert f"`vramlint {command}" in CLI


@pytest.mark.parametrize("module", [check, estimate, fit])
def test_every_option_is_in_its_section(module: object) -> None:
    parser = module.parser()  # type: ignore[attr-defined]
    section = CLI.partition(f"## `{parser.prog}`")[2].partition("\n## ")[0]
    for action in parser._actions:
        for option in action.option_strings:
            assert option in ("-h", "--help") or f"`{option}" in section, option


def test_every_format_is_on_the_page() -> None:
    assert all(f"`{name}`" in CLI for name in FORMATS)


def test_every_key_of_an_estimate_is_on_the_page(run: Run) -> None:
    answer = run("estimate", "examples/axolotl-llama-3.1-8b-qlora.yaml", "--format", "json").json
    assert [key for key in answer if f"`{key}`" not in JSON and key != "schema_version"] == []


def test_every_key_of_a_fit_is_on_the_page(run: Run) -> None:
    answer = run("fit", "examples/axolotl-llama-3.1-8b-full.yaml", "--format", "json").json
    section = JSON.partition("## `vramlint fit")[2].partition("\n## ")[0]
    for key in (*answer, *answer["ways"][0], *answer["hardware"][0]):
        assert f"`{key}`" in section or key in ("schema_version", "path", "dialect", "title"), key


def test_every_key_of_a_check_is_on_the_page(run: Run) -> None:
    answer = run("check", "examples/axolotl-llama-3.1-8b-full.yaml", "--output-format", "json").json
    (file,) = answer["files"]
    (finding,) = file["findings"]
    for key in (*file, *finding, *finding["fixes"][0]):
        assert f'"{key}"' in JSON, key
