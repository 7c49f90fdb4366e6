"""One thing that cannot be read keeps nobody from the rest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from vramlint.cli import main

BAD = "base_model: meta-llama/Llama-3.1-8B\nmicro_batch_size: auto\nsequence_len: 2048\nadapter: lora\n"


def test_an_unreadable_folder_is_named_and_the_others_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("no", "ok"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "t.yaml").write_text(BAD)
    real: Any = os.scandir

    def scandir(path: Any = ".") -> Any:
        if Path(path).name == "no":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    main(["check", "--output-format", "concise", str(tmp_path)])
    out, err = capsys.readouterr()
    assert str(Path("ok", "t.yaml")) in out
    assert str(tmp_path / "no") in err
    assert "permission denied" in err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_links_to_nothing_devices_and_pipes_are_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ok.yaml").write_text(BAD)
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "circle").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.yaml")
    os.mkfifo(tmp_path / "pyproject.toml")
    assert main(["check", "--output-format", "concise", str(tmp_path)]) == 1
    assert "ok.yaml" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["gone.yaml", "zero.yaml", "."])
def test_a_named_file_that_cannot_be_read_is_a_failure_of_its_own(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ok.yaml").write_text(BAD)
    Path("zero.yaml").symlink_to("/dev/zero")
    code = main(["check", "--output-format", "concise", name, "ok.yaml"])
    out, err = capsys.readouterr()
    assert "ok.yaml:2" in out
    assert code == (1 if name == "." else 2)
    assert name == "." or name in err
