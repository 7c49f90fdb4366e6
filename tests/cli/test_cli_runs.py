"""`vramlint runs`: every run that a script describes, with the lines that decide it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_running import Run

SCRIPT = """#!/bin/bash
#SBATCH --nodes=2
#SBATCH --gres=gpu:4
BASE=Qwen/Qwen2.5-7B
BATCH=${BATCH:-2}
cat > ds.json <<EOF
{"zero_optimization": {"stage": 3}, "train_micro_batch_size_per_gpu": "auto"}
EOF
srun torchrun --nnodes $SLURM_NNODES --nproc_per_node 4 run_clm.py \\
  --model_name_or_path $BASE --do_train \\
  --per_device_train_batch_size $BATCH \\
  --gradient_accumulation_steps $((64 / BATCH / 8)) \\
  --block_size 1024 --bf16 --deepspeed ds.json $EXTRA
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "run.sh"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def fields(answer: Any) -> dict[str, tuple[Any, Any]]:
    (run,) = answer
    return {name: (field["value"], field.get("line")) for name, field in run["fields"].items()}


def test_a_script_field_by_field(run: Run, script: Path) -> None:
    answer = run("runs", str(script), "--format", "json", "--gpu", "A100-80GB").json
    found = fields(answer)
    expected = {
        "framework": ("hf-trainer", 9),
        "model": ("Qwen/Qwen2.5-7B", 4),
        "micro_batch": (2, 5),
        "grad_accum": (4, 12),
        "seq_len": (1024, 13),
        "adapter": ("none", None),
        "engine": ("deepspeed", 13),
        "zero_stage": (3, 7),
        "ranks": (8, 9),
        "nodes": (2, 2),
    }
    assert {name: found[name] for name in expected} == expected
    assert answer[0]["verdict"] == "fits"
    assert answer[0]["device_bytes"] > 2**30


def test_what_is_open_is_said_and_leaves_no_verdict(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "lf.sh"
    path.write_text(
        "llamafactory-cli train --model_name_or_path $1 --stage sft --finetuning_type lora --cutoff_len 512\n"
    )
    (found,) = run("runs", str(path), "--format", "json", "--gpu", "RTX-4090").json
    assert "model" not in found["fields"]
    assert found["fields"]["adapter"]["value"] == "lora"
    assert {item["field"] for item in found["open"]} >= {"model", "ranks"}
    assert found["verdict"] == "unknown"


def test_flags_beat_the_config_that_the_line_names(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "base_model: NousResearch/Llama-3.2-1B\ndatasets: []\nmicro_batch_size: 4\nsequence_len: 512\n"
    )
    path = tmp_path / "Makefile"
    path.write_text("SEQ ?= 1024\ntrain:\n\taxolotl train a.yaml --sequence-len=$(SEQ) --launcher python\n")
    answer = run("runs", str(path), "--format", "json").json
    assert fields(answer)["micro_batch"] == (4, 3)
    assert answer[0]["fields"]["micro_batch"]["file"].endswith("a.yaml")
    assert fields(answer)["seq_len"] == (1024, 1)


def test_a_script_that_nobody_knows_is_read_by_name_without_a_verdict(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "own.sh"
    path.write_text("python own.py --model_name_or_path gpt2 --per_device_train_batch_size 3 --lora_r 8\n")
    (found,) = run("runs", str(path), "--format", "json", "--gpu", "RTX-4090").json
    assert found["fields"]["micro_batch"]["value"] == 3
    assert found["fields"]["adapter"]["value"] == "lora"
    assert "seq_len" not in found["fields"]
    assert found["verdict"] == "unknown"


@pytest.mark.parametrize(
    "line",
    [
        "swift infer --model Qwen/Qwen2.5-7B",
        "accelerate launch -m lm_eval --model hf --batch_size 8",
        "axolotl preprocess a.yaml",
        "pip install axolotl",
        "python prepare.py --batch_size 4 --model gpt2",
    ],
)
def test_what_does_not_train_is_no_run(run: Run, tmp_path: Path, line: str) -> None:
    path = tmp_path / "run.sh"
    path.write_text(line + "\n")
    assert run("runs", str(path), "--format", "json").json == []


def test_fences_configs_and_folders(run: Run, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "Text\n\n```bash\n$ swift sft --model Qwen/Qwen2.5-7B --tuner_type lora\n```\n"
    )
    (tmp_path / "job.yaml").write_text("vramlint: 1\nmodel: gpt2\n")
    (tmp_path / "x.sh").write_text("echo hello\n")
    readme = run("runs", str(tmp_path / "README.md"), "--format", "json").json
    assert fields(readme)["model"] == ("Qwen/Qwen2.5-7B", 4)
    folder = run("runs", str(tmp_path), "--format", "json").json
    assert [each["fields"]["model"]["value"] for each in folder] == ["gpt2"]
    assert "gpt2" in run("runs", str(tmp_path)).out


def test_a_run_that_another_script_starts_is_at_the_line_of_that(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.sh").write_text("sbatch b.slurm\n")
    (tmp_path / "b.slurm").write_text("#!/bin/bash\n\ntorchrun run_clm.py --model_name_or_path gpt2\n")
    (found,) = run("runs", "a.sh", "--format", "json").json
    assert (found["path"], found["line"], found["file"]) == ("a.sh", 3, "b.slurm")
    assert run("runs", "a.sh").out.startswith("b.slurm:3: ")
