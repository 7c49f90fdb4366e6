from collections.abc import Callable
from pathlib import Path

from vramlint.dialects.kit.dialect import Companion
from vramlint.project.overrides import Overrides
from vramlint.project.settings import Settings, SettingsResolver
from vramlint.project.workspace import Workspace


class Anywhere(SettingsResolver):
    def for_file(self, path: str | None) -> Settings:
        return Settings(companions_outside_workspace=True)


def opener(workspace: Workspace, path: str) -> Callable[[str], Companion | None]:
    return workspace.surroundings(path, Overrides()).open


def write(file: Path, text: str = '{"zero_optimization": {"stage": 3}}') -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_beside_the_document_before_the_root(tmp_path: Path) -> None:
    write(tmp_path / "ds.json", '{"from": "root"}')
    write(tmp_path / "a" / "ds.json", '{"from": "a"}')
    opened = opener(Workspace(tmp_path), str(tmp_path / "a" / "x.yaml"))("ds.json")
    assert opened is not None
    assert opened.values == {"from": "a"}
    assert opened.path == "a/ds.json"


def test_from_the_root(tmp_path: Path) -> None:
    write(tmp_path / "configs" / "ds.json")
    (tmp_path / "runs").mkdir()
    opened_by = opener(Workspace(tmp_path), str(tmp_path / "runs" / "x.yaml"))
    assert opened_by("configs/ds.json") is not None


def test_by_base_name_only_when_unique(tmp_path: Path) -> None:
    write(tmp_path / "a" / "ds.json")
    document = str(tmp_path / "x.yaml")
    assert opener(Workspace(tmp_path), document)("/workspace/axolotl/ds.json") is not None
    write(tmp_path / "b" / "ds.json")
    assert opener(Workspace(tmp_path), document)("/workspace/axolotl/ds.json") is None


def test_nothing_outside_the_workspace(tmp_path: Path) -> None:
    outside = write(tmp_path / "secret.json")
    root = tmp_path / "project"
    root.mkdir()
    (root / "link.json").symlink_to(outside)
    document = str(root / "x.yaml")
    opened_by = opener(Workspace(root), document)
    assert opened_by("../secret.json") is None
    assert opened_by(str(outside)) is None
    assert opened_by("link.json") is None
    allowed = opener(Workspace(root, settings=Anywhere()), document)
    assert allowed("../secret.json") is not None


def test_open_documents_come_before_the_disk(tmp_path: Path) -> None:
    file = write(tmp_path / "ds.json")
    workspace = Workspace(tmp_path, overlay={str(file.resolve()): '{"zero_optimization": {"stage": 1}}'})
    opened = opener(workspace, str(tmp_path / "x.yaml"))("ds.json")
    assert opened is not None
    assert opened.values == {"zero_optimization": {"stage": 1}}


def test_odd_names_are_no_files(tmp_path: Path) -> None:
    opened_by = opener(Workspace(tmp_path), str(tmp_path / "x.yaml"))
    for name in ("", "\0", "a\nb", ".", "x" * 5000, "x.yaml"):
        assert opened_by(name) is None
