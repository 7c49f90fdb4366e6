"""torchtitan's functions from 0.3 on: each that returns a trainer's config is a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vramlint.analysis.programs import all_runs
from vramlint.analysis.runs import runs_of
from vramlint.document import Document
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace
from vramlint_schemas import torchtitan_configs

HEAD = """\
from torchtitan.components.loss import ChunkedLossWrapper, CrossEntropyLoss
from torchtitan.components.optimizer import OptimizersContainer, ParamGroupConfig, default_adamw
from torchtitan.components.quantization import Float8LinearConverter, NVFP4LinearConverter
from torchtitan.config import CompileConfig, ParallelismConfig, TrainingConfig
from torchtitan.distributed.activation_checkpoint import FullAC, SelectiveAC
from torchtitan.models.qwen3 import model_registry
from torchtitan.trainer import Trainer

def small() -> Trainer.Config:
    spec = model_registry("1.7B", attn_backend="varlen")
    return Trainer.Config(
        model_spec=spec,
        loss=CrossEntropyLoss.Config(global_vocab_size=10),
        optimizer=default_adamw(lr=1e-4),
        training=TrainingConfig(local_batch_size=4, seq_len=4096),
        activation_checkpoint=FullAC.Config(),
    )
"""


def found(folder: Path, text: str, gpu: str = "H100x8") -> list[Any]:
    (folder / "config_registry.py").write_text(text)
    document, overrides = Document.read(str(folder / "config_registry.py")), Overrides(gpu=gpu)
    around = Workspace(folder).surroundings(document.path, overrides)
    return list(all_runs(document, around, overrides))


def test_a_function_is_a_run(tmp_path: Path) -> None:
    (run,) = found(tmp_path, HEAD)
    said = {name: field.value for name, field in run.fields.items()}
    assert said["framework"] == "torchtitan"
    assert (said["model"], said["micro_batch"], said["seq_len"]) == ("qwen3 1.7B", 4, 4096)
    assert "ranks" not in said
    job = run.reading.job
    assert (job.model.name, job.attention, job.loss) == (
        "Qwen/Qwen3-1.7B",
        "flash_attention_2",
        "full-logits",
    )
    assert (job.gradient_checkpointing, job.parallel.strategy, job.parallel.data) == ("full", "fsdp2", 8)
    assert run.verdict == "fits"
    place = run.fields["micro_batch"].place
    assert HEAD[slice(*place.span)] == "4"


def test_a_function_changes_what_another_returns(tmp_path: Path) -> None:
    changed = """
def large() -> "Trainer.Config":
    config = small()
    config.model_spec = model_registry("8B")
    config.training.seq_len = 8192
    config.parallelism.tensor_parallel_degree = 2
    config.activation_checkpoint = None
    config.loss = ChunkedLossWrapper.Config(loss_fn=CrossEntropyLoss.Config())
    return config

def helper(size: int) -> Trainer.Config:
    return small()
"""
    first, second = found(tmp_path, HEAD + changed)
    assert first.reading.job.sequence_length == 4096
    job = second.reading.job
    assert (job.model.name, job.sequence_length, job.micro_batch_size) == ("Qwen/Qwen3-8B", 8192, 4)
    assert (job.parallel.tensor, job.parallel.data, job.gradient_checkpointing) == (2, 4, "none")
    assert job.attention == "flex"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ('config.model_spec = model_registry("8B", converters=[NVFP4LinearConverter.Config()])', "estimate"),
        ("config.optimizer = own_optimizer()", "optimizer"),
        ("config.model_spec = own_spec()", "model"),
        ("config.training = own_training()", "config"),
        ("config.activation_checkpoint = own_policy()", "grad_ckpt"),
    ],
)
def test_what_is_not_followed_is_open(tmp_path: Path, change: str, field: str) -> None:
    text = f"{HEAD}\ndef other() -> Trainer.Config:\n    config = small()\n    {change}\n    return config\n"
    _, run = found(tmp_path, f"from own import *\nfrom own import own_optimizer, own_spec\n{text}")
    assert field in {item.field for item in run.open}
    assert run.verdict == "unknown"


def test_other_functions_are_no_runs(tmp_path: Path) -> None:
    assert found(tmp_path, HEAD.replace(" -> Trainer.Config", "")) == []
    assert found(tmp_path, HEAD.replace("torchtitan.trainer", "own.trainer")) == []


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            "--module llama3 --config llama3_8b --training.local-batch-size 2",
            {"model": "llama3 8B", "micro_batch": 2, "seq_len": 8192, "ranks": 8},
        ),
        ("--module=qwen3 --config=qwen3_14b", {"model": "qwen3 14B", "ranks": 8}),
        ("--module own.exp --config mine", {"model": None, "ranks": 8}),
    ],
)
def test_a_launch_line_names_a_function(tmp_path: Path, line: str, wanted: dict[str, Any]) -> None:
    (tmp_path / "a.sh").write_text(f"torchrun --nproc_per_node 8 -m torchtitan.train {line}\n")
    document = Document.read(str(tmp_path / "a.sh"))
    (run,) = runs_of(document, Workspace(tmp_path), Overrides(gpu="H100"))
    said = {name: field.value for name, field in run.fields.items()}
    assert {name: said.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("file", "module", "folder"),
    [
        ("own/exp/config_registry.py", "own.exp", ""),
        ("own/exp.py", "own.exp", ""),
        ("torchtitan/models/llama3/config_registry.py", "llama3", ""),
        ("lab/mine/config_registry.py", "mine", "cd lab && "),
    ],
)
def test_a_launch_line_names_a_function_of_ones_own(
    tmp_path: Path, file: str, module: str, folder: str
) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(HEAD)
    line = f"torchrun --nproc_per_node 4 -m torchtitan.train --module {module} --config small"
    (tmp_path / "a.sh").write_text(f"{folder}{line} --training.seq-len 1024\n{folder}{line}er\n")
    document = Document.read(str(tmp_path / "a.sh"))
    found, missing = runs_of(document, Workspace(tmp_path), Overrides(gpu="H100"))
    said = {name: field.value for name, field in found.fields.items()}
    assert (said["model"], said["micro_batch"], said["seq_len"]) == ("qwen3 1.7B", 4, 1024)
    assert (found.fields["micro_batch"].place.document, said["ranks"]) == (file, 4)
    assert found.verdict == "fits"
    assert missing.verdict == "unknown"


def test_the_registries_are_read_whole() -> None:
    known = torchtitan_configs()
    assert {"llama3", "qwen3", "deepseek_v3", "gpt_oss"} <= known.keys()
    for configs in known.values():
        for values in configs.values():
            assert {"model.flavor", "training.local_batch_size", "training.seq_len"} <= values.keys()
