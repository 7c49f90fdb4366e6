"""What prime-rl makes of its files (0.8)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dialect_reading import expect, job_of, reading

from vramlint.dialects import detect
from vramlint.document import Document
from vramlint.job import Open
from vramlint.memory import estimate_job

EXAMPLE = Path(__file__).parents[2] / "examples" / "prime-rl-qwen3-1.7b-sft.toml"
NAME = "meta-llama/Llama-3.2-1B"


def sft(*, data: dict[str, Any] | None = None, deployment: dict[str, Any] | None = None, **model: Any) -> Any:
    return {
        "model": {"name": NAME, **model},
        "data": {"seq_len": 4096, "batch_size": 64} | (data or {}),
        "deployment": deployment or {"num_train_gpus": 8},
    }


def rl(trainer: dict[str, Any] | None = None) -> Any:
    return {
        "seq_len": 8192,
        "model": {"name": NAME},
        "deployment": {"num_train_gpus": 2, "num_infer_gpus": 6},
        "trainer": trainer or {},
        "orchestrator": {"batch_size": 512},
        "inference": {},
    }


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        pytest.param(
            sft(),
            {
                "objective": "sft",
                "precision.weights": "float32",
                "parallel.strategy": "fsdp2",
                "parallel.data": 8,
                "parallel.param_dtype": "bfloat16",
                "parallel.reduce_dtype": "float32",
                "parallel.offload": "optimizer",
                "optimizer": "adamw_torch",
                "parallel.expert": 1,
                "micro_batch_size": 1,
                "gradient_accumulation_steps": 8,
                "sequence_length": 4096,
                "gradient_checkpointing": "full",
                "activation_offload": True,
                "compile": True,
                "loss": "trl-fused-head",
                "loop": "freed",
                "gpu_count": 8,
            },
            id="what is left out",
        ),
        pytest.param(
            sft(
                ac="None",
                ac_offloading="None",
                compile="None",
                optim_cpu_offload=False,
                fused_lm_head_token_chunk_size="disabled",
            ),
            {
                "gradient_checkpointing": "none",
                "activation_offload": False,
                "compile": False,
                "parallel.offload": "none",
                "optimizer": "adamw_torch_fused",
                "loss": "full-logits",
            },
            id="all of it off",
        ),
        pytest.param(
            sft(ac="None"), {"gradient_checkpointing": "full"}, id="activations on the host need checkpoints"
        ),
        pytest.param(sft(ac={"freq": 2}), {"gradient_checkpointing": 2}, id="every second layer"),
        pytest.param(
            sft(full_offload=True, optim_cpu_offload=False),
            {"parallel.offload": "optimizer", "precision.weights": "bfloat16"},
            id="the optimizer on the host",
        ),
        pytest.param(
            sft(full_offload={}, optim_cpu_offload=False),
            {"parallel.offload": "optimizer"},
            id="an empty section",
        ),
        pytest.param(
            sft(lora={"rank": 8}),
            {"method": "lora", "adapter.r": 8, "adapter.dtype": "same-as-base"},
            id="lora",
        ),
        pytest.param(
            sft(cp=2, dp_replicate=2),
            {
                "parallel.context": 2,
                "parallel.replicate": 2,
                "parallel.data": 2,
                "gradient_accumulation_steps": 16,
            },
            id="shared rows and copies",
        ),
        pytest.param(
            sft(deployment={"type": "multi_node", "num_train_nodes": 4}),
            {"parallel.data": 32, "gpu_count": 8, "nodes": 4},
            id="nodes",
        ),
        pytest.param(sft() | {"model": {"name": "Qwen/Qwen3-30B-A3B"}}, {"parallel.expert": 8}, id="experts"),
        pytest.param(
            rl(),
            {
                "objective": "grpo",
                "sequence_length": 8192,
                "parallel.data": 2,
                "generation.colocated": False,
                "generation.completion_length": 8192,
                "gradient_accumulation_steps": 256,
            },
            id="reinforcement learning",
        ),
        pytest.param(
            rl({"model": {"seq_len": 2048, "optim_cpu_offload": False}, "optim": {"type": "muon"}}),
            {"sequence_length": 2048, "parallel.offload": "none", "optimizer": "muon"},
            id="the trainer's own section",
        ),
    ],
)
def test_fields(config: Any, fields: dict[str, Any]) -> None:
    expect(job_of(config), fields)


OFF = {
    "gradient_checkpointing": "none",
    "activation_offload": False,
    "compile": False,
    "parallel.offload": "none",
    "optimizer": "adamw_torch_fused",
}


@pytest.mark.parametrize(
    ("release", "config", "fields"),
    [
        ("0.6", sft(), OFF | {"loss": "full-logits", "loop": "freed"}),
        ("0.4", sft(), OFF | {"loss": "full-logits", "loop": "plain"}),
        ("0.4", rl(), OFF | {"loss": "trl-fused-head", "loop": "freed"}),
        ("0.6", rl(), OFF | {"loss": "full-logits"}),
        ("0.6", sft(ac={}), OFF | {"gradient_checkpointing": "full"}),
        ("0.7", sft(), {"gradient_checkpointing": "full", "compile": True, "loss": "full-logits"}),
        ("0.7", rl(), {"gradient_checkpointing": "full", "compile": True, "loss": "trl-fused-head"}),
    ],
)
def test_before_0_7_nothing_that_saves_memory_was_on(
    release: str, config: Any, fields: dict[str, Any]
) -> None:
    expect(job_of(config, versions={"prime-rl": release}), fields)


def test_the_trainer_of_reinforcement_learning_may_have_a_file_of_its_own() -> None:
    model = {"name": NAME, "seq_len": 16384, "ac": {"freq": 1}, "optimization_dtype": "float32"}
    alone = {"model": model, "data": {"fake": {"batch_size": 16}}, "max_steps": 4}
    fields = {"objective": "grpo", "sequence_length": 16384, "micro_batch_size": 1}
    expect(job_of(alone, gpus=8), fields | {"parallel.data": 8, "gradient_accumulation_steps": 2})


@pytest.mark.parametrize(
    ("optim", "name"),
    [
        ({"type": "sgd"}, "sgd_momentum"),
        ({"type": "sgd", "momentum": 0}, "sgd"),
        ({"type": "sign_sgd"}, "sgd"),
    ],
)
def test_optimizers_with_and_without_a_momentum(optim: dict[str, Any], name: str) -> None:
    assert job_of(sft() | {"optim": optim}).optimizer == name


def test_moments_that_come_back_are_said() -> None:
    job = job_of(sft())
    assert isinstance(job.origin("parallel.offload"), Open)
    assert estimate_job(job).unknown
    assert not estimate_job(job_of(sft(lora={}))).unknown


@pytest.mark.parametrize(
    "config",
    [
        sft(quantization={"type": "fp8"}),
        sft(ac={"mode": "selective"}),
        sft() | {"optim": {"type": "lion"}},
        {"model": {"name": NAME, "ac": {"freq": 1}}},
    ],
)
def test_what_is_not_modelled_is_said(config: Any) -> None:
    obstacle = reading(config).obstacle
    assert obstacle is not None
    assert obstacle.code == "not-modelled"


def test_the_example_is_recognised() -> None:
    values = Document.parse(EXAMPLE.read_text(encoding="utf-8"), EXAMPLE.name).values()
    assert detect(values).name == "prime-rl"
    expect(job_of(values), {"parallel.data": 4, "parallel.offload": "none"})


def test_a_switch_is_no_mistake() -> None:
    assert not reading(sft(full_offload=True, optim_cpu_offload=False)).unusable
