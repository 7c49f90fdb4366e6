"""No text of a config moves a cursor, starts a line or speaks to a CI runner."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramlint.cli import main
from vramlint.lint.inert import LONGEST_MESSAGE, inert, inert_line, inert_message

HOSTILE = "x/y\n::error file=README.md,line=1::forged\x1b[2J\u202eabc\r\x85\u2028"


@given(st.text())
def test_one_line_without_controls(text: str) -> None:
    shown = inert(text)
    assert len(shown.splitlines()) <= 1
    assert not any(character < " " or "\x7f" <= character < "\xa0" for character in shown)
    assert len(inert_line(text)) == len(text)
    assert len(inert_message(text)) <= LONGEST_MESSAGE


def test_what_is_shown() -> None:
    assert inert("a\n\x1b[0m\u202e") == "a\\n\\x1b[0m\\u202e"
    assert inert("é ✓ 日本") == "é ✓ 日本"


def test_a_command_in_a_line_that_is_quoted_is_broken_and_keeps_its_columns() -> None:
    assert inert_line("a: 1\t##vso[task.x]y  ## z") == "a: 1\t#\ufffdvso[task.x]y  ## z"


@pytest.mark.parametrize("output", ["full", "concise", "github"])
def test_a_hostile_model_name_stays_on_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    escaped = HOSTILE.encode("unicode_escape").decode()
    text = f'base_model: "{escaped}"\nmicro_batch_size: 1\nsequence_len: 2048\nadapter: lora\n'
    (tmp_path / "t.yaml").write_text(text, encoding="utf-8")
    main(["check", "--output-format", output, "t.yaml"])
    printed = capsys.readouterr().out
    assert "forged" in printed
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    started = [line for line in printed.splitlines() if line.startswith("::")]
    assert all(" file=t.yaml," in line for line in started)
    assert bool(started) == (output == "github")
