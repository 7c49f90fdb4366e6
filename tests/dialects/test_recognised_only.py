"""Dialects that are recognised only: estimated where the file says enough, else silent with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from dialect_reading import MODELS

from vramlint.catalog.gpus import find_gpu
from vramlint.dialects import detect
from vramlint.dialects.kit.dialect import Companion, Context, ReadResult
from vramlint.job import Written
from vramlint.memory import estimate_job

MODEL = "meta-llama/Llama-3.2-1B"
UNSLOTH = {
    "model": MODEL,
    "training": {"training_type": "lora", "max_seq_length": 4096},
    "lora": {"lora_r": 32},
}
VERL = {
    "model": {"partial_pretrain": MODEL, "lora_rank": 0},
    "data": {"micro_batch_size_per_gpu": 4, "train_batch_size": 256, "max_length": 2048},
    "trainer": {"n_gpus_per_node": 8, "nnodes": 2},
}
NEMO = {
    "sft": {"max_num_steps": 1},
    "policy": {
        "model_name": MODEL,
        "train_micro_batch_size": 2,
        "train_global_batch_size": 64,
        "max_total_sequence_length": 4096,
        "precision": "bfloat16",
        "dtensor_cfg": {"enabled": True, "tensor_parallel_size": 2, "activation_checkpointing": True},
        "optimizer": {"name": "torch.optim.AdamW"},
    },
    "cluster": {"gpus_per_node": 8, "num_nodes": 1},
}
SILENT: Mapping[str, Mapping[str, Any]] = {
    "ludwig": {
        "model_type": "llm",
        "base_model": MODEL,
        "input_features": [{"name": "prompt", "type": "text"}],
        "output_features": [{"name": "output", "type": "text"}],
        "adapter": {"type": "lora"},
        "trainer": {"type": "finetune", "batch_size": 1},
    },
    "megatron-bridge": {
        "train": {"train_iters": 20, "global_batch_size": 8, "micro_batch_size": 1},
        "model": {"tensor_model_parallel_size": 2, "seq_length": 4096},
        "checkpoint": {"save": "out"},
        "logger": {"log_interval": 1},
    },
    "slime": {
        "hf_checkpoint": MODEL,
        "actor_num_gpus_per_node": 8,
        "rollout_batch_size": 32,
        "tensor_model_parallel_size": 4,
    },
    "prime-rl": {"deployment": {"num_train_gpus": 2}, "model": {"name": "Qwen/Qwen3-1.7B"}},
    "nemo": {**NEMO, "token_aligner": {}},
}


def read(values: Mapping[str, Any], **context: Any) -> ReadResult:
    dialect = detect(values).dialect
    assert dialect is not None
    return dialect.read(values, Context(MODELS, **context))


@pytest.mark.parametrize("name", SILENT)
def test_recognised_and_silent(name: str) -> None:
    found = detect(SILENT[name])
    assert found.name == name
    reading = read(SILENT[name])
    assert reading.obstacle is not None
    assert reading.obstacle.code == "not-modelled"
    assert not reading.problems


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"apiVersion": "v1", "kind": "Pod", "spec": {"resources": {}}}, None),
        ({"model": "gpt-4", "temperature": 0.5}, None),
        ({"recipe": "pancakes", "policy": {"rules": []}}, None),
        ({"model_name_or_path": MODEL, "dataset_name": "x", "training": {}}, "trl"),
        ({"base_model": MODEL, "datasets": [], "resources": {"accelerators": "A100:8"}}, "axolotl"),
        (UNSLOTH, "unsloth"),
        (VERL, "verl"),
        (NEMO, "nemo"),
    ],
)
def test_recognition(values: Mapping[str, Any], name: str | None) -> None:
    found = detect(values).dialect
    assert (found.name if found else None) == name


def test_unsloth() -> None:
    job = read(UNSLOTH).job
    assert job is not None
    assert (job.method, job.optimizer, job.loss, job.micro_batch_size) == (
        "qlora",
        "adamw_8bit",
        "fused-linear",
        2,
    )
    assert job.adapter is not None
    assert (job.adapter.r, len(job.adapter.targets), job.adapter.dtype) == (32, 7, "float32")
    assert (job.gradient_checkpointing, job.activation_offload) == ("full", True)
    assert estimate_job(job).device_bytes > 0


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({"gradient_checkpointing": "true"}, ("full", False, "qlora")),
        ({"gradient_checkpointing": "none"}, ("none", False, "qlora")),
        ({"max_seq_length": 256}, ("full", False, "qlora")),
        ({"load_in_4bit": False}, ("full", True, "lora")),
        ({"training_type": "full"}, ("full", True, "full")),
    ],
)
def test_unsloth_training(training: Mapping[str, Any], expected: tuple[str, bool, str]) -> None:
    job = read({**UNSLOTH, "training": {**UNSLOTH["training"], **training}}).job  # type: ignore[dict-item]
    assert job is not None
    assert (job.gradient_checkpointing, job.activation_offload, job.method) == expected


def test_unsloth_on_a_gpu_before_ampere_computes_in_float16_without_scores() -> None:
    """dtype = None in models/loader.py; xformers in utils/attention_dispatch.py of unsloth 2026.10.9."""
    old, new = (read(UNSLOTH, gpu=find_gpu(name)).job for name in ("T4", "A100-80GB"))
    assert old is not None
    assert new is not None
    assert (old.precision.weights, old.precision.autocast, old.attention) == (
        "float16",
        "float16",
        "sdpa-efficient",
    )
    assert (new.precision.weights, new.attention) == ("bfloat16", "sdpa")


def test_verl_fine_tuning() -> None:
    job = read(VERL).job
    assert job is not None
    assert (job.parallel.strategy, job.parallel.data, job.gradient_accumulation_steps) == ("fsdp2", 16, 4)
    assert (job.precision.weights, job.parallel.param_dtype) == ("float32", "bfloat16")
    assert (job.gpu_count, job.nodes, job.method) == (8, 2, "full")
    lora = read({**VERL, "model": {"partial_pretrain": MODEL, "lora_rank": 16}}).job
    assert lora is not None
    assert (lora.method, lora.adapter and lora.adapter.targets) == ("lora", "all-linear")


def test_nemo_fine_tuning() -> None:
    job = read(NEMO).job
    assert job is not None
    assert (job.parallel.data, job.parallel.tensor, job.gradient_accumulation_steps) == (4, 2, 8)
    assert (job.gradient_checkpointing, job.sequence_length) == ("full", 4096)
    assert estimate_job(job).device_bytes > 0


def opener(files: Mapping[str, Any]) -> Callable[[str], Companion | None]:
    return lambda name: Companion(name, files[name], None) if name in files else None


def test_values_of_parents_come_first_and_are_named() -> None:
    child = {
        "defaults": "base/sft.yaml",
        "policy": {"train_micro_batch_size": 1},
        "cluster": {"gpus_per_node": 2},
    }
    files = {"base/sft.yaml": {"defaults": "root.yaml", "cluster": {"num_nodes": 3}}, "base/root.yaml": NEMO}
    reading = read(child, open=opener(files))
    assert reading.job is not None
    assert (reading.job.micro_batch_size, reading.job.sequence_length) == (1, 4096)
    assert (reading.job.gpu_count, reading.job.nodes, reading.job.parallel.data) == (2, 3, 3)
    assert reading.companions == ("base/root.yaml", "base/sft.yaml")
    assert reading.job.origin("micro_batch_size") == Written(("policy", "train_micro_batch_size"))
    length = reading.job.origin("sequence_length")
    assert length == Written(("policy", "max_total_sequence_length"), "base/root.yaml")


def test_hydra_lists_place_parents_under_their_section() -> None:
    child = {"defaults": ["_self_", {"trainer@trainer": "two"}], "trainer": {"nnodes": 9}}
    child |= {key: value for key, value in VERL.items() if key != "trainer"}
    reading = read(child, open=opener({"trainer/two.yaml": {"nnodes": 2, "n_gpus_per_node": 4}}))
    assert reading.job is not None
    assert (reading.job.nodes, reading.job.gpu_count) == (2, 4)


def test_a_circle_of_parents_is_an_error_and_ends() -> None:
    files = {"a.yaml": {"defaults": "b.yaml"}, "b.yaml": {"defaults": "a.yaml"}}
    reading = read({**NEMO, "defaults": "a.yaml"}, open=opener(files))
    assert reading.obstacle is not None
    assert reading.obstacle.code == "parents-in-a-circle"
    (problem,) = reading.problems
    assert (problem.kind, problem.severity, problem.key) == ("inherits-from-itself", "error", ("defaults",))
    assert "a.yaml → b.yaml → a.yaml" in problem.message


def test_a_file_found_by_its_base_name_alone_makes_no_circle() -> None:
    base = Companion("base/sft.yaml", {"defaults": "../sft.yaml"}, None)
    reading = read({**NEMO, "defaults": "base/sft.yaml"}, open=lambda name: base)
    assert not reading.problems
    assert reading.missing_companions == ((("defaults",), "../sft.yaml"),)


def test_a_missing_parent_is_said_and_nothing_is_guessed() -> None:
    reading = read({**NEMO, "defaults": "gone.yaml"})
    assert reading.missing_companions == ((("defaults",), "gone.yaml"),)
    assert reading.obstacle is not None
    assert reading.obstacle.code == "missing-parent"


@pytest.mark.parametrize("defaults", [None, [], [None, 3, {"a": 1}, ""], {"x": "y"}, "${x}", "../" * 50])
def test_odd_defaults_never_raise(defaults: Any) -> None:
    reading = read({**NEMO, "defaults": defaults}, open=opener({}))
    assert (reading.job is None) != (reading.obstacle is None)
