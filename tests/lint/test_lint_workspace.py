from pathlib import Path

from vramlint.project.settings import Settings
from vramlint.project.workspace import Workspace


def write(file: Path, text: str = '{"zero_optimization": {"stage": 3}}') -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_beside_the_document_before_the_root(tmp_path: Path) -> None:
    write(tmp_path / "ds.json", '{"from": "root"}')
    write(tmp_path / "a" / "ds.json", '{"from": "a"}')
    opened = Workspace(tmp_path).opener(str(tmp_path / "a" / "x.yaml"), Settings())("ds.json")
    assert opened is not None
    assert opened.values == {"from": "a"}
    assert opened.path == "a/ds.json"


def test_from_the_root(tmp_path: Path) -> None:
    write(tmp_path / "configs" / "ds.json")
    (tmp_path / "runs").mkdir()
    opener = Workspace(tmp_path).opener(str(tmp_path / "runs" / "x.yaml"), Settings())
    assert opener("configs/ds.json") is not None


def test_by_base_name_only_when_unique(tmp_path: Path) -> None:
    write(tmp_path / "a" / "ds.json")
    document = str(tmp_path / "x.yaml")
    assert Workspace(tmp_path).opener(document, Settings())("/workspace/axolotl/ds.json") is not None
    write(tmp_path / "b" / "ds.json")
    assert Workspace(tmp_path).opener(document, Settings())("/workspace/axolotl/ds.json") is None


def test_nothing_outside_the_workspace(tmp_path: Path) -> None:
    outside = write(tmp_path / "secret.json")
    root = tmp_path / "project"
    root.mkdir()
    (root / "link.json").symlink_to(outside)
    document = str(root / "x.yaml")
    opener = Workspace(root).opener(document, Settings())
    assert opener("../secret.json") is None
    assert opener(str(outside)) is None
    assert opener("link.json") is None
    allowed = Workspace(root).opener(document, Settings(companions_outside_workspace=True))
    assert allowed("../secret.json") is not None


def test_open_documents_come_before_the_disk(tmp_path: Path) -> None:
    file = write(tmp_path / "ds.json")
    workspace = Workspace(tmp_path, overlay={str(file.resolve()): '{"zero_optimization": {"stage": 1}}'})
    opened = workspace.opener(str(tmp_path / "x.yaml"), Settings())("ds.json")
    assert opened is not None
    assert opened.values == {"zero_optimization": {"stage": 1}}


def test_odd_names_are_no_files(tmp_path: Path) -> None:
    opener = Workspace(tmp_path).opener(str(tmp_path / "x.yaml"), Settings())
    for name in ("", "\0", "a\nb", ".", "x" * 5000, "x.yaml"):
        assert opener(name) is None
