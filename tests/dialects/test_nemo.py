"""What NeMo RL makes of its files (repository of August 2026)."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
from dialect_reading import edited, expect, job_of, reading

from vramlint.catalog.gpus import find_gpu
from vramlint.dialects import detect
from vramlint.job import Open
from vramlint.memory import estimate_job

SFT: dict[str, Any] = {
    "sft": {"max_num_steps": 60},
    "policy": {
        "model_name": "meta-llama/Llama-3.2-1B",
        "train_global_batch_size": 64,
        "train_micro_batch_size": 2,
        "max_total_sequence_length": 1024,
        "precision": "bfloat16",
        "dtensor_cfg": {"enabled": True, "tensor_parallel_size": 1, "activation_checkpointing": False},
        "megatron_cfg": {"enabled": False},
        "sequence_packing": {"enabled": False, "train_mb_tokens": "${mul:${policy.a}, ${policy.b}}"},
        "optimizer": {"name": "torch.optim.AdamW", "kwargs": {"foreach": False, "fused": False}},
    },
    "cluster": {"gpus_per_node": 8, "num_nodes": 1},
}


def changed(base: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A file with keys set; `a__b` stands for the key b of section a."""
    out = copy.deepcopy(base)
    for name, value in values.items():
        inner = out
        *sections, key = name.split("__")
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[key] = value
    return out


def instead(section: str) -> dict[str, Any]:
    """The same for another algorithm."""
    return {section: {}} | {name: value for name, value in SFT.items() if name != "sft"}


MEGATRON = changed(
    SFT,
    policy__dtensor_cfg__enabled=False,
    policy__megatron_cfg={
        "enabled": True,
        "tensor_model_parallel_size": 2,
        "pipeline_model_parallel_size": 2,
    },
)
GRPO = changed(
    instead("grpo"),
    grpo__num_generations_per_prompt=16,
    policy__logprob_batch_size=4,
    policy__generation={
        "backend": "vllm",
        "vllm_cfg": {"gpu_memory_utilization": 0.6, "tensor_parallel_size": 2},
    },
)


PPO = changed(
    {"ppo": {}} | {name: value for name, value in GRPO.items() if name != "grpo"},
    ppo__num_generations_per_prompt=4,
    value={
        "model_name": "meta-llama/Llama-3.2-3B",
        "train_micro_batch_size": 4,
        "max_total_sequence_length": 2048,
        "precision": "bfloat16",
        "dtensor_cfg": {"enabled": True, "tensor_parallel_size": 1},
    },
)
DISTILLATION = changed(
    {"distillation": {}} | {name: value for name, value in GRPO.items() if name != "grpo"},
    teacher={"model_name": "meta-llama/Llama-3.2-3B"},
)


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        pytest.param(
            SFT,
            {
                "objective": "sft",
                "precision.weights": "float32",
                "parallel.strategy": "fsdp2",
                "parallel.data": 8,
                "parallel.param_dtype": "bfloat16",
                "gradient_accumulation_steps": 4,
                "optimizer": "adamw_torch_single",
                "gradient_checkpointing": "none",
            },
            id="sft",
        ),
        pytest.param(instead("dpo"), {"objective": "dpo", "reference_model": "none"}, id="dpo"),
        pytest.param(instead("rm"), {"objective": "reward"}, id="reward model"),
        pytest.param(
            changed(SFT, policy__sequence_packing__enabled=True),
            {
                "packing": True,
                "micro_batch_size": 1,
                "sequence_length": 2048,
                "gradient_accumulation_steps": 4,
            },
            id="packed to the tokens of a batch",
        ),
        pytest.param(
            changed(SFT, policy__sequence_packing={"enabled": True, "train_mb_tokens": 8192}),
            {"sequence_length": 8192, "gradient_accumulation_steps": 1},
            id="packed to tokens that are written",
        ),
        pytest.param(
            changed(
                SFT,
                policy__optimizer={
                    "name": "transformer_engine.pytorch.optimizers.fused_adam.FusedAdam",
                    "kwargs": {
                        "master_weights": True,
                        "store_param_remainders": True,
                        "exp_avg_dtype": "torch.bfloat16",
                        "exp_avg_sq_dtype": "torch.bfloat16",
                    },
                },
            ),
            {
                "optimizer": "adamw_torch_fused",
                "precision.weights": "float32",
                "precision.master_weights": "float32",
                "precision.optimizer_states": "bfloat16",
            },
            id="fused adam copies float32 weights too",
        ),
        pytest.param(
            MEGATRON,
            {
                "runtime": "megatron",
                "precision.weights": "bfloat16",
                "precision.gradients": "same-as-weights",
                "parallel.strategy": "zero1",
                "parallel.data": 2,
                "parallel.tensor": 2,
                "parallel.pipeline": 2,
                "gradient_accumulation_steps": 16,
                "gradient_checkpointing": "none",
            },
            id="megatron",
        ),
        pytest.param(
            changed(
                MEGATRON,
                policy__megatron_cfg__activation_checkpointing=True,
                policy__megatron_cfg__distributed_data_parallel_config={"grad_reduce_in_fp32": True},
            ),
            {"gradient_checkpointing": "full", "precision.gradients": "float32"},
            id="megatron with recomputation and float32 gradients",
        ),
        pytest.param(
            GRPO,
            {
                "objective": "grpo",
                "reference_model": "none",
                "generation.colocated": True,
                "generation.memory_fraction": 0.6,
                "generation.tensor": 2,
                "generation.sleep": "offload",
                "generation.away": "both",
                "generation.completions": 16,
                "generation.completion_length": 1024,
                "generation.scored_tokens": 4 * 1024,
            },
            id="grpo",
        ),
        pytest.param(
            changed(
                GRPO, policy__generation__colocated={"enabled": False, "resources": {"gpus_per_node": 4}}
            ),
            {"generation.colocated": False, "generation.away": "none", "parallel.data": 4, "gpu_count": 4},
            id="completions on other GPUs of the node",
        ),
        pytest.param(
            PPO,
            {
                "objective": "ppo",
                "reference_model": "none",
                "roles.critic.name": "meta-llama/Llama-3.2-3B",
                "roles.critic_steps": "apart",
                "roles.critic_tokens": 8192,
                "roles.critic_away": "both",
                "roles.reward_model": "none",
                "generation.away": "both",
                "generation.completions": 4,
            },
            id="ppo",
        ),
        pytest.param(
            changed(PPO, value__max_total_sequence_length=None),
            {"roles.critic_steps": "apart", "roles.critic_tokens": None},
            id="ppo, with rows of the value model that are as long as the policy's",
        ),
        pytest.param(
            DISTILLATION,
            {"objective": "sft", "roles.teacher": "none", "generation.away": "both"},
            id="distillation",
        ),
    ],
)
def test_fields(config: dict[str, Any], fields: dict[str, Any]) -> None:
    expect(job_of(config), fields)


def test_completions_meet_an_empty_gpu() -> None:
    job = dataclasses.replace(job_of(GRPO), gpu=find_gpu("H100-80GB"))
    moments = {moment.name: moment.components for moment in estimate_job(job).counted}
    assert moments["generation"]["weights"] == 0
    assert moments["generation"]["optimizer_states"] == 0
    assert moments["backward"]["weights"] > 0


@pytest.mark.parametrize(
    "change",
    [
        {"token_aligner": {}},
        {"recipe": "TrainFinetuneRecipeForNextTokenPrediction"},
    ],
)
def test_what_is_not_modelled_is_said(change: dict[str, Any]) -> None:
    obstacle = reading(SFT | change).obstacle
    assert obstacle is not None
    assert obstacle.code == "not-modelled"


def test_another_optimizer_is_named_at_its_key() -> None:
    obstacle = reading(changed(SFT, policy__optimizer={"name": "my.Optimizer"})).obstacle
    assert obstacle is not None
    assert obstacle.key == ("policy", "optimizer", "name")


@pytest.mark.parametrize(
    ("config", "field"),
    [
        pytest.param(
            changed(PPO, value__dtensor_cfg__tensor_parallel_size=2),
            "roles.critic",
            id="a value model that is shared out another way",
        ),
        pytest.param(
            changed(DISTILLATION, teacher__model_name="Qwen/Qwen3-32B"),
            "roles.teacher",
            id="a teacher whose own pass may be the peak",
        ),
        pytest.param(
            changed(DISTILLATION, teacher__model_name="nobody/knows-this"),
            "roles.teacher",
            id="a teacher that nobody knows",
        ),
    ],
)
def test_models_beside_the_policy_that_are_not_counted(config: dict[str, Any], field: str) -> None:
    assert isinstance(job_of(config).origin(field), Open)


def test_value_model_and_policy_take_turns() -> None:
    """The larger of the two has the GPU, not both."""

    def weights(config: dict[str, Any]) -> int:
        moments = {moment.name: moment.components for moment in estimate_job(job_of(config)).counted}
        return moments["backward"]["weights"]

    critic = changed(SFT, policy__model_name="meta-llama/Llama-3.2-3B")
    assert weights(PPO) == pytest.approx(weights(critic), rel=0.15)


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        (SFT, {"micro_batch_size": 1, "gradient_accumulation_steps": 8}),
        (SFT, {"sequence_length": 512, "gradient_checkpointing": "full"}),
        (SFT, {"optimizer": "adamw_torch_fused", "parallel.offload": "both"}),
        (MEGATRON, {"gradient_checkpointing": "full"}),
        (GRPO, {"generation.memory_fraction": 0.3}),
    ],
    ids=str,
)
def test_edits_read_back_as_what_was_asked(values: dict[str, Any], changes: dict[str, Any]) -> None:
    dialect = detect(values).dialect
    assert dialect is not None
    edits = dialect.edits(values, job_of(values), changes)
    assert edits
    expect(job_of(edited(values, edits)), changes)


def test_what_a_file_cannot_say() -> None:
    dialect = detect(SFT).dialect
    assert dialect is not None
    assert dialect.edits(SFT, job_of(SFT), {"method": "lora"}) is None
    filled = changed(SFT, policy__sequence_packing={"enabled": True, "train_mb_tokens": 2048})
    assert dialect.edits(filled, job_of(filled), {"sequence_length": 512}) is None
