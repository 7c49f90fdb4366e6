"""A folder's name is no model's: what lies in it decides."""

from pathlib import Path

import pytest

from vramlint.cli import main

CONFIG = (
    "base_model: {}\nmicro_batch_size: 1\nsequence_len: 2048\nadapter: lora\nlora_r: 8\n"
    "lora_target_linear: true\n"
)


def test_a_folder_with_an_adapter_alone_is_no_known_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "Llama-3.1-8B"
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    config = tmp_path / "t.yaml"
    config.write_text(CONFIG.format("./Llama-3.1-8B"))
    assert main(["estimate", str(config), "--gpu", "H200"]) == 2
    assert "nothing is known about the model './Llama-3.1-8B'" in capsys.readouterr().err


def test_a_model_known_by_the_end_of_a_path_is_an_assumption(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "t.yaml"
    config.write_text(CONFIG.format("/data/Llama-3.1-8B"))
    assert main(["estimate", str(config), "--gpu", "H200"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the path is named like" in said[said.index("assumed") :]
