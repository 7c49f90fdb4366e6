"""Launch lines that name a config which the framework ships."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vramlint.analysis.runs import runs_of
from vramlint.document import Document
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace
from vramlint_schemas import shipped_configs

HUB = "https://raw.githubusercontent.com/Lightning-AI/litgpt/main/config_hub"


def run(folder: Path, line: str) -> Any:
    (folder / "a.sh").write_text(line + "\n")
    document = Document.read(str(folder / "a.sh"))
    (found,) = runs_of(document, Workspace(folder), Overrides(gpu="A100-80GB"))
    return found


def job(folder: Path, line: str) -> Any:
    found = run(folder, line)
    assert found.deciding is None
    return found.reading.job


def test_torchtune_reads_a_config_by_its_name(tmp_path: Path) -> None:
    read = job(
        tmp_path,
        "tune run lora_finetune_single_device --config llama3_1/8B_lora_single_device batch_size=4 "
        "tokenizer.max_seq_len=1024 model.lora_rank=64",
    )
    assert (read.model.name, read.method, read.adapter.r) == ("meta-llama/Llama-3.1-8B", "lora", 64)
    assert (read.micro_batch_size, read.gradient_accumulation_steps, read.sequence_length) == (4, 8, 1024)
    assert (read.optimizer, read.gradient_checkpointing, read.loss) == ("adamw_torch_fused", "full", 8)


def test_what_is_assumed_is_not_said_of_a_run(tmp_path: Path) -> None:
    found = run(tmp_path, "tune run full_finetune_distributed --config llama3_1/70B_full batch_size=1")
    assert found.fields["model"].value == "llama3_1 70B"
    assert found.reading.job.sequence_length == 2048
    assert "seq_len" not in found.fields  # the longest sample decides


def test_torchtune_shards_over_the_processes_of_the_line(tmp_path: Path) -> None:
    read = job(tmp_path, "tune run --nproc_per_node 4 full_finetune_distributed --config qwen3/8B_full")
    assert (read.model.name, read.method) == ("Qwen/Qwen3-8B", "full")
    assert (read.parallel.strategy, read.parallel.data) == ("fsdp2", 4)


@pytest.mark.parametrize(
    ("override", "field", "value"),
    [
        ("optimizer=bitsandbytes.optim.PagedAdamW8bit", "optimizer", "paged_adamw_8bit"),
        ("model=torchtune.models.llama3_1.qlora_llama3_1_8b", "method", "qlora"),
        ("gradient_accumulation_steps=None", "gradient_accumulation_steps", 1),
        ("~enable_activation_checkpointing", "gradient_checkpointing", "none"),
    ],
)
def test_overrides_as_torchtune_takes_them(tmp_path: Path, override: str, field: str, value: Any) -> None:
    line = "tune run lora_finetune_single_device --config llama3_1/8B_lora_single_device"
    assert getattr(job(tmp_path, f"{line} {override}"), field) == value


def test_a_file_of_ones_own_is_not_a_name(tmp_path: Path) -> None:
    found = run(tmp_path, "tune run full_finetune_single_device --config llama3_1/own.yaml batch_size=2")
    assert found.deciding.why == "llama3_1/own.yaml is not here"


def test_litgpt_reads_a_config_by_its_address(tmp_path: Path) -> None:
    line = f"litgpt finetune_lora meta-llama/Llama-3.1-8B --config {HUB}/finetune/llama-3-8b/qlora.yaml"
    read = job(tmp_path, f"{line} --train.micro_batch_size 4")
    assert (read.model.name, read.method, read.adapter.r) == ("meta-llama/Llama-3.1-8B", "qlora", 32)
    assert (read.micro_batch_size, read.sequence_length) == (4, 512)


def test_litgpt_pretrains_the_model_that_is_named_first(tmp_path: Path) -> None:
    read = run(tmp_path, "litgpt pretrain EleutherAI/pythia-160m --devices 1").reading.job
    assert (read.objective, read.model.name) == ("pretrain", "EleutherAI/pythia-160m")
    assert (read.micro_batch_size, read.gradient_accumulation_steps) == (4, 128)


def test_oumi_reads_a_config_of_its_repository(tmp_path: Path) -> None:
    line = "oumi train -c oumi://configs/recipes/llama3_1/sft/8b_lora/train.yaml"
    read = job(tmp_path, f"{line} --training.per_device_train_batch_size 1 --model.model_max_length 4096")
    assert (read.model.name, read.method) == ("meta-llama/Llama-3.1-8B-Instruct", "lora")
    assert (read.micro_batch_size, read.sequence_length) == (1, 4096)


@pytest.mark.parametrize("framework", ["torchtune", "litgpt", "oumi"])
def test_what_a_framework_ships_is_estimated(tmp_path: Path, framework: str) -> None:
    """Every config of the table, under the line that its first comment says."""
    start = {
        "torchtune": "tune run --nproc_per_node 8 full_finetune_distributed --config {}",
        "litgpt": f"litgpt finetune --config {HUB}/{{}} --devices 8",
        "oumi": "oumi train -c oumi://{}",
    }[framework]
    for name in shipped_configs(framework):
        assert run(tmp_path, start.format(name)).subject.dialect.name == framework, name
