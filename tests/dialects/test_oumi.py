"""What oumi makes of its sections (0.9)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from dialect_reading import expect, job_of, reading

from vramlint.dialects import detect
from vramlint.job import FrameworkDefault, Written

EXAMPLE = Path(__file__).parents[2] / "examples" / "oumi-llama-3.1-8b-lora.yaml"
LORA: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))


def changed(**values: Any) -> dict[str, Any]:
    """The example with keys set; `a__b` stands for the key b of section a."""
    out = copy.deepcopy(LORA)
    for name, value in values.items():
        inner = out
        *sections, key = name.split("__")
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[key] = value
    return out


@pytest.mark.parametrize(
    ("change", "gpus", "fields"),
    [
        pytest.param(
            {},
            1,
            {
                "objective": "sft",
                "method": "lora",
                "adapter.r": 16,
                "adapter.dropout": 0.0,
                "adapter.dtype": "float32",
                "precision.weights": "bfloat16",
                "precision.autocast": "none",
                "micro_batch_size": 1,
                "gradient_accumulation_steps": 16,
                "sequence_length": 1024,
                "gradient_checkpointing": "full",
                "optimizer": "adamw_torch_fused",
                "loop": "trl@1.10",
            },
            id="lora",
        ),
        pytest.param(
            {
                "training__use_peft": False,
                "training__mixed_precision_dtype": "BF16",
                "model__torch_dtype_str": "float32",
            },
            1,
            {"method": "full", "precision.weights": "float32", "precision.autocast": "bfloat16"},
            id="mixed precision",
        ),
        pytest.param(
            {"peft__q_lora": True, "peft__bnb_4bit_quant_type": "nf4"},
            1,
            {
                "method": "qlora",
                "quantization.scheme": "bnb-nf4",
                "quantization.double_quant": False,
                "quantization.kbit_prep": "fp32-norms-embeddings-head",
            },
            id="qlora",
        ),
        pytest.param({"peft__q_lora": True}, 1, {"quantization.scheme": "bnb-fp4"}, id="fp4 is the default"),
        pytest.param(
            {"peft__q_lora": True, "peft__q_lora_bits": 8},
            1,
            {"quantization.scheme": "bnb-int8"},
            id="8 bits",
        ),
        pytest.param(
            {
                "training__use_peft": False,
                "fsdp": {
                    "enable_fsdp": True,
                    "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
                    "cpu_offload": True,
                },
            },
            4,
            {
                "parallel.strategy": "fsdp1",
                "parallel.data": 4,
                "parallel.wrap": "layer",
                "parallel.offload": "both",
                "gradient_checkpointing": "full",
            },
            id="fsdp",
        ),
        pytest.param(
            {"fsdp": {"enable_fsdp": True}}, 4, {"parallel.wrap": "none"}, id="fsdp wraps nothing by default"
        ),
        pytest.param(
            {
                "training__use_peft": False,
                "deepspeed": {
                    "enable_deepspeed": True,
                    "zero_stage": "ZERO_3",
                    "precision": "BF16",
                    "offload_optimizer": {"device": "CPU"},
                    "reduce_bucket_size": 1000,
                },
            },
            4,
            {
                "parallel.strategy": "zero3",
                "precision.master_weights": "float32",
                "parallel.buckets.reduce": 1000,
            },
            id="deepspeed",
        ),
        pytest.param(
            {"training__trainer_type": "trl_dpo"}, 1, {"objective": "dpo"}, id="a name in lower case"
        ),
        pytest.param(
            {
                "training__trainer_type": "TRL_GRPO",
                "training__grpo": {"num_generations": 4, "use_vllm": True},
            },
            1,
            {"objective": "grpo", "generation.completions": 4, "generation.engine": "vllm"},
            id="grpo",
        ),
        pytest.param(
            {"training__trainer_kwargs": {"per_device_train_batch_size": 3}},
            1,
            {"micro_batch_size": 3},
            id="arguments of the trainer beat the others",
        ),
    ],
)
def test_fields(change: dict[str, Any], gpus: int, fields: dict[str, Any]) -> None:
    expect(job_of(changed(**change), gpus=gpus), fields)


def test_origins_name_keys_as_oumi_has_them() -> None:
    job = job_of(changed(fsdp={"enable_fsdp": True, "cpu_offload": True}), gpus=2)
    assert job.origin("micro_batch_size") == Written(("training", "per_device_train_batch_size"))
    assert job.origin("adapter.r") == Written(("peft", "lora_r"))
    assert job.origin("parallel.offload") == Written(("fsdp", "cpu_offload"))
    silent = copy.deepcopy(LORA)
    del silent["training"]["per_device_train_batch_size"]
    found = job_of(silent)
    assert found.micro_batch_size == 8
    assert found.origin("micro_batch_size") == FrameworkDefault("oumi", "0.9")


def test_files_that_do_not_train_and_trainers_that_are_not_modelled_say_so() -> None:
    evaluates = {"model": LORA["model"], "data": LORA["data"], "tasks": []}
    assert detect(evaluates).name != "oumi"
    obstacle = reading(changed(training__trainer_type="VERL_GRPO")).obstacle
    assert obstacle is not None
    assert obstacle.key == ("training", "trainer_type")


def test_linears_that_are_left_out_of_an_adapter_are_not_modelled() -> None:
    found = reading(changed(peft__lora_exclude_modules=[".*vision_tower.*"]))
    assert found.obstacle is not None
    assert found.obstacle.code == "not-modelled"
    assert reading(changed(peft__lora_exclude_modules=[])).job is not None
