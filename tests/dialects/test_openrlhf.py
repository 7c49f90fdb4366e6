"""What OpenRLHF's arguments make of a run (0.11.2, and the spellings before 0.10.1)."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_reading import MODELS, expect

from vramlint.dialects import load
from vramlint.dialects.kit.dialect import Context, ReadResult
from vramlint.job import FrameworkDefault, Open, TrainingJob

MODEL = "meta-llama/Llama-3.2-1B"
OLD: dict[str, Any] = {"script": "openrlhf.cli.train_sft", "pretrain": MODEL}


def new(script: str = "train_sft", **sections: Any) -> dict[str, Any]:
    """Arguments in sections."""
    model = {"model_name_or_path": MODEL} | sections.pop("model", {})
    return {"script": f"openrlhf.cli.{script}", "model": model, **sections}


def read(values: dict[str, Any], gpus: int = 8) -> ReadResult:
    dialect = load("openrlhf")
    assert dialect is not None
    return dialect.read(values, Context(MODELS, gpu_count=gpus, gpu_declared=True))


def job(values: dict[str, Any], gpus: int = 8) -> TrainingJob:
    found = read(values, gpus)
    assert found.job is not None, found.obstacle
    return found.job


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        pytest.param(
            new(),
            {
                "objective": "sft",
                "micro_batch_size": 8,
                "gradient_accumulation_steps": 2,
                "sequence_length": 2048,
                "parallel.strategy": "zero2",
                "parallel.data": 8,
                "parallel.offload": "none",
                "parallel.buckets.reduce": 5e8,
                "precision.weights": "bfloat16",
                "precision.master_weights": "float32",
                "gradient_checkpointing": "none",
                "attention": "flash_attention_2",
                "reference_model": "none",
                "loop": "plain",
            },
            id="what is left out",
        ),
        pytest.param(
            OLD
            | {
                "micro_train_batch_size": 2,
                "train_batch_size": 64,
                "max_len": 4096,
                "zero_stage": 3,
                "adam_offload": True,
                "gradient_checkpointing": True,
                "gradient_checkpointing_use_reentrant": True,
                "packing_samples": True,
            },
            {
                "micro_batch_size": 2,
                "gradient_accumulation_steps": 4,
                "sequence_length": 4096,
                "parallel.strategy": "zero3",
                "parallel.offload": "optimizer",
                "gradient_checkpointing": "reentrant",
                "packing": True,
            },
            id="before 0.10.1",
        ),
        pytest.param(
            new(ds={"load_in_4bit": True, "lora": {"rank": 16, "target_modules": "q_proj"}}),
            {
                "method": "qlora",
                "adapter.r": 16,
                "adapter.targets": ("q_proj",),
                "adapter.dtype": "bfloat16",
                "quantization.scheme": "bnb-nf4",
            },
            id="qlora: DeepSpeed casts the adapter",
        ),
        pytest.param(
            new("train_dpo", ds={"lora": {"rank": 8}}),
            {
                "objective": "dpo",
                "reference_model": "resident",
                "sequence_length": 512,
                "adapter.targets": "all-linear",
            },
            id="dpo: a second model beside an adapter",
        ),
        pytest.param(
            new("train_dpo", ref={"offload": True}, ds={"zero_stage": 3}),
            {"reference_model": "none"},
            id="dpo: a reference on the host",
        ),
        pytest.param(
            new("train_dpo", ref={"offload": True}),
            {"reference_model": "resident"},
            id="dpo: only ZeRO-3 moves it",
        ),
        pytest.param(new("train_rm"), {"objective": "reward", "micro_batch_size": 1}, id="reward model"),
        pytest.param(
            new(ds={"ring_attn_size": 2, "packing_samples": True}, train={"batch_size": 32}),
            {"parallel.context": 2, "parallel.data": 4, "gradient_accumulation_steps": 1},
            id="ring attention",
        ),
        pytest.param(new(optim="muon"), {"optimizer": "muon"}, id="muon"),
    ],
)
def test_fields(values: dict[str, Any], fields: dict[str, Any]) -> None:
    expect(job(values), fields)


@pytest.mark.parametrize(
    ("values", "objective"),
    [
        ({"pretrain": MODEL, "beta": 0.1}, "dpo"),
        ({"model": {"model_name_or_path": MODEL}, "ref": {"model_name_or_path": MODEL}}, "dpo"),
        ({"pretrain": MODEL}, "sft"),
    ],
)
def test_arguments_tell_the_script_where_nobody_names_it(values: dict[str, Any], objective: str) -> None:
    assert job(values).objective == objective


def test_a_stage_that_nobody_writes_is_a_default() -> None:
    assert isinstance(job(new()).origin("parallel.strategy"), FrameworkDefault)


@pytest.mark.parametrize(
    "values",
    [
        {"script": "openrlhf.cli.train_ppo_ray", "pretrain": MODEL, "critic_num_gpus_per_node": 2},
        {"script": "openrlhf.cli.train_kto", "pretrain": MODEL},
        {"pretrain": MODEL, "chosen_key": "chosen"},
        new(ds={"zpg": 4, "zero_stage": 3}),
    ],
)
def test_what_is_not_modelled_is_said(values: dict[str, Any]) -> None:
    obstacle = read(values).obstacle
    assert obstacle is not None
    assert obstacle.code == "not-modelled"


SHARED: dict[str, Any] = {
    "script": "openrlhf.cli.train_ppo_ray",
    "actor": {"model_name_or_path": MODEL, "num_gpus_per_node": 4},
    "reward": {"model_name_or_path": MODEL},
    "train": {"colocate_all": True, "batch_size": 128},
    "vllm": {"num_engines": 4, "gpu_memory_utilization": 0.5, "enable_sleep": True},
    "ds": {"zero_stage": 3, "enable_sleep": True},
}


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        pytest.param(
            SHARED,
            {
                "objective": "ppo",
                "parallel.strategy": "zero3",
                "parallel.data": 4,
                "gpu_count": 4,
                "micro_batch_size": 1,
                "gradient_accumulation_steps": 32,
                "sequence_length": 2048,
                "reference_model": "resident",
                "roles.critic.name": MODEL,
                "roles.critic_steps": "apart",
                "roles.critic_away": "optimizer",
                "roles.reward_model.name": MODEL,
                "generation.colocated": True,
                "generation.memory_fraction": 0.5,
                "generation.sleep": "offload",
                "generation.away": "optimizer",
            },
            id="all models and engines on the same GPUs",
        ),
        pytest.param(
            SHARED
            | {
                "algo": {"advantage": {"estimator": "reinforce"}, "kl": {"init_coef": 0}},
                "reward": {"remote_url": "http://localhost:5000"},
            },
            {
                "objective": "grpo",
                "reference_model": "none",
                "roles.critic": "none",
                "roles.reward_model": "none",
            },
            id="neither critic nor reference nor reward model",
        ),
        pytest.param(
            SHARED
            | {
                "train": {"colocate_all": True, "dynamic_batch_enable": True, "max_tokens_per_gpu": 16384},
                "rollout": {"max_tokens_per_gpu": 32768},
            },
            {"micro_batch_size": 1, "sequence_length": 16384, "generation.scored_tokens": 32768},
            id="micro batches filled to tokens",
        ),
        pytest.param(
            {
                "pretrain": MODEL,
                "reward_pretrain": MODEL,
                "actor_num_gpus_per_node": 2,
                "critic_num_gpus_per_node": 2,
                "colocate_actor_ref": True,
                "vllm_num_engines": 2,
                "prompt_max_len": 1024,
                "generate_max_len": 3072,
                "train_batch_size": 128,
                "micro_train_batch_size": 2,
            },
            {
                "objective": "ppo",
                "parallel.data": 2,
                "micro_batch_size": 2,
                "sequence_length": 4096,
                "reference_model": "resident",
                "roles.critic": "none",
                "generation.colocated": False,
            },
            id="before 0.10.1, groups on GPUs of their own",
        ),
    ],
)
def test_reinforcement_learning(values: dict[str, Any], fields: dict[str, Any]) -> None:
    expect(job(values), fields)


def test_trainings_at_the_same_time_are_a_lower_bound() -> None:
    awake = SHARED | {"ds": {"zero_stage": 3}}
    assert isinstance(job(awake).origin("roles.critic_steps"), Open)
    assert not isinstance(job(SHARED).origin("roles.critic_steps"), Open)


ALONE: dict[str, Any] = {
    "script": "openrlhf.cli.train_ppo",
    "pretrain": MODEL,
    "reward_pretrain": MODEL,
    "zero_stage": 2,
    "flash_attn": True,
}


def test_ppo_without_ray_holds_four_models_in_the_processes_of_its_launch() -> None:
    """cli/train_ppo.py of 0.5.9: nothing is on GPUs of its own, and actor and critic train in turn."""
    found = job(ALONE, gpus=4)
    assert found.parallel.data == 4
    assert found.objective == "ppo"
    assert found.reference_model == "resident"
    assert found.roles.critic not in ("none", "unknown")
    assert found.roles.reward_model not in ("none", "unknown")
    assert found.generation is not None
    assert found.generation.engine == "in-process"
    assert found.generation.scored_tokens == 8 * 2048
    assert not any(isinstance(origin, Open) for origin in found.origins.values())


@pytest.mark.parametrize(
    ("release", "more", "kernel"),
    [
        ("0.3.8", {}, "eager"),
        ("0.8.9", {}, "eager"),
        ("0.8.9", {"flash_attn": True}, "flash_attention_2"),
        ("0.8.9", {"packing_samples": True}, "flash_attention_2"),
        ("0.8.11", {}, "flash_attention_2"),
    ],
)
def test_flash_attention_was_a_switch(release: str, more: dict[str, Any], kernel: str) -> None:
    """models/model.py up to 0.8.9: `"flash_attention_2" if use_flash_attention_2 else "eager"`."""
    dialect = load("openrlhf")
    assert dialect is not None
    context = Context(MODELS, gpu_count=8, gpu_declared=True, versions={"openrlhf": release})
    found = dialect.read(OLD | more, context).job
    assert found is not None
    assert found.attention == kernel
