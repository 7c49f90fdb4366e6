"""A settings file that is open: what is wrong in it is said at its keys, as it is in the editor."""

from __future__ import annotations

from pathlib import Path

import pytest

from vramlint.lsp.diagnostics import diagnostics
from vramlint.lsp.session import Session

WRONG = """\
gpu = "RTX 4091"
ignroe = ["VL101"]
select = ["VL77"]

[versions]
trl = "newest"

[per-path."configs/a.b/**"]
dialct = "axolotl"
"""


def found(tmp_path: Path, text: str, name: str = "vramlint.toml") -> list[tuple[int, str]]:
    session, uri = Session(), (tmp_path / name).as_uri()
    session.open(uri, "toml", 1, text)
    view = session.view(uri)
    assert view is not None
    return [(each.range.start.line, each.message) for each in diagnostics(view)]


def test_each_mistake_stands_at_its_key(tmp_path: Path) -> None:
    said = found(tmp_path, WRONG)
    assert [line for line, _ in said] == [0, 1, 2, 5, 8]
    assert "RTX 4090" in said[0][1]
    assert "did you mean `ignore`?" in said[1][1]


def test_the_text_counts_and_not_the_file(tmp_path: Path) -> None:
    (tmp_path / "vramlint.toml").write_text(WRONG)
    assert found(tmp_path, 'gpu = "A100-80GB x8"\n[versions]\ntrl = "0.18"\n') == []


def test_the_section_of_a_project(tmp_path: Path) -> None:
    text = '[project]\nname = "x"\n\n[tool.vramlint]\ngpu = 7\n'
    assert [line for line, _ in found(tmp_path, text, "pyproject.toml")] == [4]
    assert found(tmp_path, "[tool.other]\ngpu = 7\n", "pyproject.toml") == []


@pytest.mark.parametrize("text", ["", "gpu =", "[per-path", "tool = 3", '"" = 1', "`a` = 1"])
def test_half_typed(tmp_path: Path, text: str) -> None:
    for name in ("vramlint.toml", "pyproject.toml"):
        for line, _ in found(tmp_path, text, name):
            assert line == 0
