"""`--fix` loses nothing: the file is replaced in one step, and only if it is what was read."""

import os
from pathlib import Path

import pytest

from vramlint.cli.console import Failure
from vramlint.cli.fixing import write


def test_the_mode_and_the_bytes_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"a: 1\r\n")
    file.chmod(0o640)
    write(str(file), b"a: 1\r\n", "a: 2\r\n")
    assert file.read_bytes() == b"a: 2\r\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["a.yaml"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_the_encoding_is_kept(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "a.yaml"
    before = "\ufeffa: é\n".encode(encoding)
    file.write_bytes(before)
    write(str(file), before, "a: ü\n")
    assert file.read_bytes() == "\ufeffa: ü\n".encode(encoding)


@pytest.mark.parametrize("now", [b"a: 1\nb: 2\n", b"", None])
def test_what_changed_meanwhile_is_not_overwritten(tmp_path: Path, now: bytes | None) -> None:
    file = tmp_path / "a.yaml"
    if now is not None:
        file.write_bytes(now)
    with pytest.raises(Failure, match="changed since it was read"):
        write(str(file), b"a: 1\n", "a: 2\n")
    assert (file.read_bytes() if file.exists() else None) == now


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside, inside = tmp_path / "secret", tmp_path / "project"
    inside.mkdir()
    outside.write_bytes(b"a: 1\n")
    (inside / "a.yaml").symlink_to(outside)
    monkeypatch.chdir(inside)
    with pytest.raises(Failure, match="outside of the current folder"):
        write("a.yaml", b"a: 1\n", "a: 2\n")
    assert outside.read_bytes() == b"a: 1\n"
