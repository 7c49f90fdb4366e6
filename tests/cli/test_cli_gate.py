"""The gate stays shut: a typo in what is selected ends the run with 2 and the nearest spelling."""

from pathlib import Path

import pytest

from vramlint.cli import main

CONFIG = """\
# vramlint: gpu=RTX-4090
base_model: meta-llama/Llama-3.1-8B
sequence_len: 4096
micro_batch_size: 2
bf16: auto
datasets: [{path: x, type: alpaca}]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.yaml").write_text(CONFIG)
    return tmp_path


@pytest.mark.parametrize("flag", ["--select", "--ignore"])
@pytest.mark.parametrize(
    ("entry", "hint"),
    [("VL11O", "did you mean VL1"), ("does-not-fits", "does-not-fit"), ("VL101,foo", "'foo'")],
)
def test_a_flag_with_an_unknown_rule(
    config: Path, capsys: pytest.CaptureFixture[str], flag: str, entry: str, hint: str
) -> None:
    assert main(["check", flag, entry, "train.yaml"]) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize(
    "setting",
    [
        'select = ["VL77"]',
        'ignore = ["VL77"]',
        'severity = { does-not-fits = "off" }',
        'igore = ["VL402"]',
        'select = "VL101"',
        'rules = ["no-such-pack"]',
        'rules = [""]',
        "select = [",
    ],
)
@pytest.mark.parametrize("beside", ["", 'ignore = ["VL905"]\n', 'severity = { VL905 = "off" }\n'])
def test_settings_that_cannot_be_used(
    config: Path, capsys: pytest.CaptureFixture[str], setting: str, beside: str
) -> None:
    if beside and setting.partition(" ")[0] == beside.partition(" ")[0]:
        beside = ""
    (config / "vramlint.toml").write_text(f"{beside}{setting}\n")
    assert main(["check", "--output-format", "concise", "train.yaml"]) == 2
    assert "VL905" in capsys.readouterr().out


@pytest.mark.parametrize("entry", ["VL1", "vl101", "does-not-fit", "ALL"])
def test_codes_prefixes_and_names_are_taken(config: Path, entry: str) -> None:
    assert main(["check", "--select", entry, "train.yaml"]) == 1


def test_a_bulk_fix_never_changes_the_model(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config / "train.yaml").write_text(
        CONFIG.replace("meta-llama/Llama-3.1-8B", "mistralai/Voxtral-Mini-3B-2507")
    )
    main(["check", "--diff", "--unsafe-fixes", "train.yaml"])
    assert "base_model" not in capsys.readouterr().out
