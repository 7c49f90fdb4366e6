from pathlib import Path

from vramlint.project.walk import LARGEST_BYTES, files_in


def write(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("a: 1\n")


def test_a_folder_gives_its_candidates_in_order(tmp_path: Path) -> None:
    write(tmp_path, "b.yaml", "a.toml", "notes.md", "deep/er/c.json", "deep/d.yml")
    found = [Path(file).relative_to(tmp_path).as_posix() for file in files_in([str(tmp_path)])]
    assert found == ["a.toml", "b.yaml", "deep/d.yml", "deep/er/c.json"]


def test_folders_of_other_peoples_files_are_passed_over(tmp_path: Path) -> None:
    write(
        tmp_path, ".git/a.yaml", "node_modules/p/b.json", "venv/c.yaml", "mine/pyvenv.cfg", "mine/lib/d.yaml"
    )
    write(tmp_path, "kept/e.yaml")
    assert [Path(file).name for file in files_in([str(tmp_path)])] == ["e.yaml"]


def test_data_is_passed_over_in_a_folder_but_not_by_name(tmp_path: Path) -> None:
    data = tmp_path / "train.json"
    data.write_text(" " * (LARGEST_BYTES + 1))
    assert list(files_in([str(tmp_path)])) == []
    assert list(files_in([str(data)])) == [str(data)]


def test_a_named_file_keeps_its_spelling_and_comes_once(tmp_path: Path) -> None:
    assert list(files_in(["./x.yaml", "./x.yaml", "missing.txt"])) == ["./x.yaml", "missing.txt"]


def test_workflows_are_looked_at(tmp_path: Path) -> None:
    for name in (".github/workflows/train.yml", ".hidden/train.yml"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("a: 1\n", encoding="utf-8")
    found = [Path(path).relative_to(tmp_path).as_posix() for path in files_in([str(tmp_path)])]
    assert found == [".github/workflows/train.yml"]
