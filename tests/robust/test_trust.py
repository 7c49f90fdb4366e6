"""A workspace that the user does not trust cannot make vramlint reach beyond it."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from vramlint.analysis import registry
from vramlint.analysis.analyse import analyse
from vramlint.catalog import hub
from vramlint.dialects.kit.dialect import Companion
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.lsp.server import create_server
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

REACHING = ("hub", "companions-outside-workspace", "rules")
SETTINGS = 'hub = true\ncompanions-outside-workspace = true\nrules = ["nobodys-pack"]\ngpu = "A100-80GB"\n'
CONFIG = "base_model: nobody/unheard-of\nmicro_batch_size: 1\nsequence_len: 2048\ndeepspeed: {}\n"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What leaves the project: names asked for on the hub, and packs that are looked for."""
    found: list[str] = []

    def note(name: str) -> bool:
        found.append(name)
        return False

    def look(name: str) -> tuple[()]:
        found.append(name)
        return ()

    monkeypatch.setattr(hub, "_fetched", note)
    monkeypatch.setattr(registry, "pack", look)
    return found


def check(folder: Path, name: str, *, trusted: bool) -> Analysis:
    project = folder / "project"
    text = (project / name).read_text()
    return analyse(Document.parse(text, str(project / name)), Workspace(project), Overrides(trusted=trusted))


def opened(folder: Path, *, trusted: bool) -> Companion | None:
    project = folder / "project"
    around = Workspace(project).surroundings(str(project / "t.yaml"), Overrides(trusted=trusted))
    return around.open(str(folder / "zero.json"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    outside = tmp_path / "zero.json"
    outside.write_text('{"zero_optimization": {"stage": 3}}')
    (tmp_path / "project" / "t.yaml").write_text(CONFIG.format(outside))
    (tmp_path / "project" / "vramlint.toml").write_text(SETTINGS)
    return tmp_path


def test_without_trust_nothing_is_asked_and_nothing_outside_is_read(folder: Path, asked: list[str]) -> None:
    analysis = check(folder, "t.yaml", trusted=False)
    assert asked == []
    assert opened(folder, trusted=False) is None
    said = str([found.message for found in analysis.findings if found.code == "VL905"])
    assert [name for name in REACHING if f"`{name}` is not followed" in said] == list(REACHING)
    assert analysis.settings.gpu == "A100-80GB", "what reaches nowhere is followed"


def test_the_settings_file_itself_is_read_without_them(folder: Path, asked: list[str]) -> None:
    check(folder, "vramlint.toml", trusted=False)
    assert asked == []


def test_with_trust_they_hold(folder: Path, asked: list[str]) -> None:
    check(folder, "t.yaml", trusted=True)
    assert set(asked) == {"nobody/unheard-of", "nobodys-pack"}
    assert opened(folder, trusted=True) is not None


@pytest.mark.parametrize(
    ("options", "trusted"), [({"trusted": True}, True), ({"trusted": "yes"}, False), ({}, False)]
)
def test_an_editor_says_whether_the_user_trusts_the_workspace(
    options: dict[str, object], trusted: bool
) -> None:
    server = create_server()
    params = types.InitializeParams(types.ClientCapabilities(), initialization_options=options)
    server.protocol._initialized = True
    list(server.protocol.lsp_initialize(params))
    server.protocol.fm.features[types.INITIALIZE](params)
    assert server.session.trusted is trusted
