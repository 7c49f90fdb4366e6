"""Files that name no model: DeepSpeed's JSON, accelerate's launcher files; and references inside a file."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_reading import job_of, reading

from vramlint.dialects.kit.interpolation import resolve

LAUNCHER: dict[str, Any] = {
    "compute_environment": "LOCAL_MACHINE",
    "distributed_type": "FSDP",
    "mixed_precision": "bf16",
    "num_processes": 8,
    "num_machines": 1,
}
ZERO: dict[str, Any] = {"zero_optimization": {"stage": 2}, "bf16": {"enabled": "auto"}}


@pytest.mark.parametrize(("config", "dialect"), [(LAUNCHER, "accelerate"), (ZERO, "deepspeed")])
def test_they_are_recognised_and_name_no_model(config: dict[str, Any], dialect: str) -> None:
    found = reading(config, gpus=8)
    assert found.dialect.name == dialect
    assert found.dialect.role == "companion"
    assert found.obstacle is not None
    assert found.obstacle.code == "no-model"
    assert found.problems == ()


@pytest.mark.parametrize(
    ("config", "kind", "key"),
    [
        ({"zero_optimization": {"stage": 4}}, "unknown-stage", "zero_optimization.stage"),
        (
            ZERO | {"bf16": {"enabled": True}, "fp16": {"enabled": True}},
            "both-half-precisions",
            "fp16.enabled",
        ),
        (
            ZERO | {"bf16": {"enabled": True, "bf16_optimizer_states": True}},
            "states-without-master",
            "bf16.bf16_optimizer_states",
        ),
        (
            {"zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu", "ratio": 0.5}}},
            "offload-without-stage-3",
            "zero_optimization.offload_optimizer.ratio",
        ),
        (
            {"zero_optimization": {"stage": 2, "offload_param": {"device": "cpu"}}},
            "offload-without-stage-3",
            "zero_optimization.offload_param",
        ),
        (
            ZERO
            | {"train_batch_size": 30, "train_micro_batch_size_per_gpu": 4, "gradient_accumulation_steps": 2},
            "indivisible-batch",
            "train_batch_size",
        ),
        (
            LAUNCHER | {"distributed_type": "MULTI_GPU", "gpu_ids": "3", "num_processes": 1},
            "too-few-processes",
            "gpu_ids",
        ),
        (LAUNCHER | {"num_processes": 16}, "degrees-exceed-world", "num_processes"),
        (
            LAUNCHER | {"fsdp_config": {"fsdp_version": 2, "fsdp_sharding_strategy": "FULL_SHARD"}},
            "ineffective-key",
            "fsdp_config.fsdp_sharding_strategy",
        ),
        (
            LAUNCHER | {"fsdp_config": {"fsdp_activation_checkpointing_offload": True}},
            "offload-without-checkpointing",
            "fsdp_config.fsdp_activation_checkpointing_offload",
        ),
        (
            LAUNCHER | {"parallelism_config": {"parallelism_config_tp_size": 3}},
            "degrees-exceed-world",
            "parallelism_config",
        ),
    ],
)
def test_what_is_refused_or_does_nothing(config: dict[str, Any], kind: str, key: str) -> None:
    found = [(problem.kind, ".".join(map(str, problem.key))) for problem in reading(config, gpus=8).problems]
    assert found == [(kind, key)]


@pytest.mark.parametrize(
    "changed",
    [
        {"distributed_type": "MULTI_XPU"},
        {"mixed_precision": "fp12"},
        {"fsdp_config": {"fsdp_sharding_strategy": "BOGUS"}},
    ],
    ids=str,
)
def test_words_are_left_to_the_schema_which_knows_them_all(changed: dict[str, Any]) -> None:
    assert reading(LAUNCHER | changed, gpus=8).problems == ()


def test_they_are_not_edited() -> None:
    for config in (LAUNCHER, ZERO):
        found = reading(config)
        assert found.dialect.edits(config, None, {"micro_batch_size": 1}) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "resolved"),
    [
        ({"a": 1, "b": "${a}"}, {"a": 1, "b": 1}),
        ({"a": {"c": True}, "b": "${a.c}"}, {"a": {"c": True}, "b": True}),
        ({"out": "/tmp", "b": ["${out}/x"]}, {"out": "/tmp", "b": ["/tmp/x"]}),
        ({"a": "${b}", "b": "${c}", "c": 3}, {"a": 3, "b": 3, "c": 3}),
        ({"a": "${nowhere}"}, {"a": "${nowhere}"}),
        ({"a": "${a}"}, {"a": "${a}"}),
        ({"a": "${oc.env:HOME}"}, {"a": "${oc.env:HOME}"}),
    ],
)
def test_references_inside_a_file(values: dict[str, Any], resolved: dict[str, Any]) -> None:
    assert resolve(values) == resolved


def test_references_that_double_end() -> None:
    doubling = resolve({"a": "${b}" * 50, "b": "${a}" * 50})
    assert len(str(doubling["a"])) < 10_000
    lists = resolve({"a": ["${b}"] * 40, "b": ["${a}"] * 40})
    assert len(str(lists["a"])) < 1_000_000


def test_a_launcher_that_only_names_fsdp_runs_its_first_version() -> None:
    config = {"model_name_or_path": "gpt2", "dataset_name": "x", "accelerate_config": "launcher.yaml"}
    launcher = {"distributed_type": "FSDP", "num_processes": 4, "mixed_precision": "no"}
    job = reading(config, files={"launcher.yaml": launcher}).job
    assert job is not None
    assert (job.parallel.strategy, job.parallel.data, job.parallel.sharding) == ("fsdp1", 4, "full")


@pytest.mark.parametrize(
    ("name", "offload"),
    [
        ("zero3_bf16_cpuoffload_params.json", "parameters"),
        ("ds_z3_offload_params.json", "parameters"),
        ("ds_z3_offload_all.json", "both"),
        ("ds_z3.json", "none"),
    ],
)
def test_a_file_that_cannot_be_opened_offloads_what_its_name_says(name: str, offload: str) -> None:
    config = {
        "model_name_or_path": "HuggingFaceTB/SmolLM2-360M",
        "dataset_name": "d",
        "per_device_train_batch_size": 1,
        "deepspeed": name,
    }
    assert job_of(config, gpus=2).parallel.offload == offload


def test_options_of_fsdp_may_lie_in_a_file_of_their_own() -> None:
    """TrainingArguments opens what `fsdp_config` names (transformers 5.24, _process_fsdp_args)."""
    recipe = {
        "model_name_or_path": "meta-llama/Llama-3.1-8B",
        "max_length": 2048,
        "dataset_name": "a/b",
        "fsdp": "full_shard auto_wrap",
        "fsdp_config": "fsdp.json",
    }
    options = {"version": 1, "fsdp_backward_prefetch": "backward_post", "reshard_after_forward": False}
    found = reading(recipe, gpus=8, files={"fsdp.json": options})
    assert found.job is not None
    assert found.job.parallel.strategy == "fsdp1"
    assert found.job.parallel.backward_prefetch == "post"
    assert found.companions == ("fsdp.json",)
    missing = reading(recipe, gpus=8)
    assert missing.missing_companions == ((("fsdp_config",), "fsdp.json"),)
