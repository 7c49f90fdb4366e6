"""Shares of a run for the jobs of a CI matrix: together they are the run, in SARIF too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vramlint.cli import main

BAD = "base_model: meta-llama/Llama-3.1-8B\nmicro_batch_size: auto\nsequence_len: 2048\nadapter: lora\n"


def results(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    main(["check", "--output-format", "sarif", *options, str(folder)])
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    found: list[dict[str, Any]] = run["results"]
    return found


@pytest.mark.parametrize("count", [1, 3, 9])
def test_shares_are_the_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str], count: int) -> None:
    for number in range(7):
        (tmp_path / f"{number}.yaml").write_text(BAD)
    whole = results(tmp_path, capsys)
    shares = [results(tmp_path, capsys, "--shard", f"{index + 1}/{count}") for index in range(count)]
    merged = [each for share in shares for each in share]
    assert sorted(places(merged)) == sorted(places(whole))
    assert len({fingerprint(each) for each in merged}) == len(merged)


def places(found: list[dict[str, Any]]) -> list[str]:
    return [json.dumps([each["ruleId"], each["locations"]]) for each in found]


def fingerprint(result: dict[str, Any]) -> str:
    return json.dumps(result["partialFingerprints"])


@pytest.mark.parametrize("share", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_nonsense_is_refused(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", f"--shard={share}", "."])
    assert "is not like 2/5" in capsys.readouterr().err
