"""Ctrl-C prints what was found until then."""

from __future__ import annotations

from pathlib import Path

import pytest

from vramlint.cli import INTERRUPTED, check, main
from vramlint.cli.report import FileReport

BAD = "base_model: meta-llama/Llama-3.1-8B\nmicro_batch_size: auto\nsequence_len: 2048\nadapter: lora\n"


class Interrupted(check.Checker):
    """A checker that the user breaks off at the third file."""

    def __call__(self, path: str) -> FileReport:
        if path.endswith("3.yaml"):
            raise KeyboardInterrupt
        return super().__call__(path)


def test_what_was_found_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "Checker", Interrupted)
    for number in range(1, 5):
        (tmp_path / f"{number}.yaml").write_text(BAD)
    assert main(["check", "--output-format", "concise", str(tmp_path)]) == INTERRUPTED
    out, err = capsys.readouterr()
    assert "1.yaml" in out
    assert "2.yaml" in out
    assert "4.yaml" not in out
    assert "interrupted: 2 of 4 files were checked" in err


def test_an_interrupted_run_writes_no_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "Checker", Interrupted)
    for number in range(1, 5):
        (tmp_path / f"{number}.yaml").write_text(BAD)
    baseline = tmp_path / "baseline.json"
    assert main(["check", "--generate-baseline", str(baseline), str(tmp_path)]) == INTERRUPTED
    assert not baseline.exists()
