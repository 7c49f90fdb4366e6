"""`vramlint fit`: what would make a run fit, written, printed and given to programs."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_running import Run

from vramlint.catalog.models import Models

FULL = """\
# vramlint: gpu=RTX-4090
base_model: meta-llama/Llama-3.1-8B   # the base
sequence_len: 4096
micro_batch_size: 2
gradient_accumulation_steps: 4   # keep
bf16: true
optimizer: adamw_torch_fused
datasets:
  - {path: x, type: alpaca}
# the end
"""
TIGHT = """\
# vramlint: gpu=RTX-4090
vramlint: 1
model: Qwen/Qwen2.5-1.5B
micro_batch_size: 8
gradient_accumulation_steps: 2
sequence_length: 1024
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.yaml"
    path.write_text(FULL)
    return path


def kept(before: str, after: str) -> bool:
    """Whether every comment and every line that has no key of the change is there, in its order."""
    lines = iter(after.splitlines())
    changed = ("micro_batch_size", "gradient_accumulation_steps", "sequence_len")
    return all(line in lines for line in before.splitlines() if not line.startswith(changed))


def test_each_way_says_what_it_needs_costs_and_does(run: Run, file: Path) -> None:
    out = run("fit", file).out
    first, second = out.split("\n  1. ")[1].split("\n  2. ")[:2]
    assert "GiB left" in first
    assert "an adapter is trained, not the weights" in first
    assert "QLoRA" in second
    assert "to train the same, it fits on:" in out
    assert re.search(r"\d+ × .+ +[\d.]+ of [\d.]+ GiB, with ZeRO-3 and gradient checkpointing", out)


def test_what_is_printed_can_be_pasted(run: Run, file: Path) -> None:
    out = run("fit", file).out
    block = out.split("\n  2. ")[1].split("\n\n")[0]
    pasted = yaml.safe_load("\n".join(line[7:] for line in block.splitlines() if line.startswith(" " * 7)))
    assert pasted["adapter"] == "qlora"
    assert pasted["gradient_checkpointing_kwargs"] == {"use_reentrant": False}


def test_a_safe_way_comes_first_and_asks_for_no_other_hardware(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "tight.job.yaml"
    path.write_text(TIGHT)
    found = run("fit", path, "--format", "json").json
    assert found["ways"][0]["same_training"]
    assert found["ways"][0]["effects"] == []
    assert found["hardware"] == []
    order = [way["same_training"] for way in found["ways"]]
    assert order == sorted(order, reverse=True)


def test_json_has_all_that_text_says(run: Run, file: Path) -> None:
    found = run("fit", file, "--format", "json").json
    assert found["verdict"] == "does_not_fit"
    assert found["gpu"]["name"] == "RTX 4090"
    for way in found["ways"]:
        assert way["verdict"] == "fits"
        assert way["headroom_bytes"] == found["gpu"]["usable_bytes"] - way["device_bytes"] > 0
        assert way["keys"]
        assert way["same_training"] is not bool(way["effects"])
    assert {each["count"] for each in found["hardware"]}
    assert found["largest"]["micro_batch_size"] == {"fits": None, "now": 2}


@pytest.mark.parametrize("number", [1, 2])
def test_apply_writes_one_way_and_nothing_else(run: Run, file: Path, number: int) -> None:
    promised = run("fit", file, "--format", "json").json["ways"][number - 1]
    assert run("fit", file, "--apply", number).code == 0
    text = file.read_text()
    assert kept(FULL, text)
    written = yaml.safe_load(text)
    for key in promised["keys"]:
        value: Any = written
        for part in key["path"]:
            value = value[part]
        assert value == key["value"]
    again = run("estimate", file, "--format", "json").json
    assert (again["verdict"], again["device_bytes"]) == ("fits", promised["device_bytes"])


def test_apply_adds_to_the_line_what_a_shipped_config_says_otherwise(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "tune.sh"
    line = "tune run lora_finetune_single_device --config llama3_1/8B_lora_single_device batch_size=4"
    file.write_text(line + "\n")
    assert run("fit", file, "--gpu", "16GiB", "--apply", 1).code == 0
    text = file.read_text()
    assert text.startswith(line.replace("batch_size=4", "batch_size="))
    assert " model._component_=torchtune.models.llama3_1.qlora_llama3_1_8b" in text


HEREDOC = """\
cat > $TMP/config.yaml <<EOF
base_model: meta-llama/Llama-3.1-8B
sequence_len: 8192
micro_batch_size: 2
gradient_accumulation_steps: 4
adapter: lora
lora_r: 64
lora_target_linear: true
bf16: true
gradient_checkpointing: true
datasets: [{path: x, type: alpaca}]
EOF
axolotl train $TMP/config.yaml 2>&1 | tee log
"""


def test_apply_adds_to_the_line_what_a_heredoc_says_otherwise(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.sh"
    file.write_text(HEREDOC)
    found = run("check", file, "--gpu", "A100-40GB", "--output-format", "json").json
    (finding,) = (each for each in found["files"][0]["findings"] if each["code"] == "VL101")
    assert finding["range"]["start"]["line"] in (2, 3)  # a key that decides, where the script writes it
    assert run("fit", file, "--gpu", "A100-40GB", "--apply", 1).code == 0
    text = file.read_text()
    assert text.splitlines()[:-1] == HEREDOC.splitlines()[:-1]
    assert text.splitlines()[-1].startswith("axolotl train $TMP/config.yaml --")
    assert text.splitlines()[-1].endswith(" 2>&1 | tee log")
    assert run("check", file, "--gpu", "A100-40GB", "--select", "VL101").code == 0


def test_apply_to_standard_input_prints_the_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FULL.encode())))
    outcome = run("fit", "-", "--apply", "1")
    assert outcome.code == 0
    assert kept(FULL, outcome.out)
    assert "adapter: lora" in outcome.out


@pytest.mark.parametrize("number", ["0", "99"])
def test_a_number_that_was_not_offered_writes_nothing(run: Run, file: Path, number: str) -> None:
    outcome = run("fit", file, "--apply", number)
    assert outcome.code == 2
    assert f"--apply {number}" in outcome.err
    assert file.read_text() == FULL


def test_where_nothing_is_enough_each_way_says_what_it_saves(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "large.job.yaml"
    path.write_text("vramlint: 1\nmodel: meta-llama/Llama-3.1-405B\ngpu: RTX-4090\n")
    outcome = run("fit", path)
    assert outcome.code == 1
    assert "no change of settings that vramlint knows makes it fit" in outcome.out
    assert re.search(r"by itself each of these saves:\n +[\d,.]+ GiB  \w", outcome.out)
    found = run("fit", path, "--format", "json").json
    before = found["device_bytes"]
    assert all(each["device_bytes"] < before for each in found["savings"])
    counts = [each["count"] for each in found["hardware"]]
    sizes = [each["usable_bytes"] for each in found["hardware"]]
    assert counts == sorted(counts)
    assert sizes == sorted(sizes, reverse=True)
    assert all(each["device_bytes"] < each["usable_bytes"] for each in found["hardware"])


def test_maximize_keeps_the_batch_of_a_step(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "small.job.yaml"
    path.write_text(
        "vramlint: 1\nmodel: HuggingFaceTB/SmolLM2-360M\ngpu: RTX-4090\nmicro_batch_size: 1\n"
        "gradient_accumulation_steps: 12\nsequence_length: 2048\n"
    )
    ways = run("fit", path, "--maximize", "micro_batch", "--format", "json").json["ways"]
    values = {key["key"]: key["value"] for key in ways[0]["keys"]}
    assert values["micro_batch_size"] > 1
    assert values["micro_batch_size"] * values["gradient_accumulation_steps"] == 12
    assert ways[0]["same_training"]
    assert run("fit", path, "--maximize", "micro_batch", "--apply", "1").code == 0
    assert f"micro_batch_size: {values['micro_batch_size']}\n" in path.read_text()


def test_maximize_the_length_within_the_models_positions(run: Run, tmp_path: Path) -> None:
    model = Models().model("HuggingFaceTB/SmolLM2-360M")
    assert model is not None
    positions = model.config["max_position_embeddings"]
    path = tmp_path / "small.job.yaml"
    config = {"vramlint": 1, "model": "HuggingFaceTB/SmolLM2-360M", "gpu": "B200", "sequence_length": 512}
    path.write_text(json.dumps(config))
    ways = run("fit", path, "--maximize", "sequence_length", "--format", "json").json["ways"]
    assert [way["keys"] for way in ways] == [
        [{"key": "sequence_length", "path": ["sequence_length"], "value": positions}]
    ]
    assert not ways[0]["same_training"]
