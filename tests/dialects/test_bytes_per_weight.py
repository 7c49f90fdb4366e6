"""Bytes that one trained weight costs under each framework, from a config of that framework: weight, fp32
master, gradient, AdamW's two moments,
and the 16-bit copy that autocast holds. One row a setting; nothing here is estimated, only what the dialects
make of the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from vramlint.catalog.models import Models
from vramlint.dialects import detect
from vramlint.dialects.kit.dialect import Context
from vramlint.job import TrainingJob

MODELS = Models()
LLAMA = "meta-llama/Llama-3.1-8B"
WIDTH = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class Row:
    """A setting and the bytes of W, M, G, O and C; `shares` is what W, M, G and O are divided by."""

    name: str
    values: Mapping[str, Any]
    bytes: tuple[float, float, float, float, float]
    shares: tuple[int, int, int, int] = (1, 1, 1, 1)
    gpus: int = 1
    versions: Mapping[str, str] = field(default_factory=dict)


TRL = {"model_name_or_path": LLAMA, "dataset_name": "trl-lib/Capybara", "max_length": 2048, "use_peft": False}
AXOLOTL = {
    "base_model": LLAMA,
    "datasets": [{"path": "a", "type": "alpaca"}],
    "micro_batch_size": 1,
    "flash_attention": True,
}
FACTORY = {
    "model_name_or_path": LLAMA,
    "stage": "sft",
    "finetuning_type": "full",
    "template": "llama3",
    "cutoff_len": 2048,
}
TUNE = {
    "model": {"_component_": "torchtune.models.llama3_1.llama3_1_8b"},
    "tokenizer": {"_component_": "torchtune.models.llama3.llama3_tokenizer", "max_seq_len": 2048},
    "optimizer": {"_component_": "torch.optim.AdamW"},
    "batch_size": 1,
    "dtype": "bf16",
}
TITAN = {
    "model": {"name": "llama3", "flavor": "8B"},
    "training": {"seq_len": 2048},
    "parallelism": {"data_parallel_shard_degree": -1},
}
LITGPT = {
    "checkpoint_dir": f"checkpoints/{LLAMA}",
    "train": {"micro_batch_size": 1, "global_batch_size": 8},
    "data": {"class_path": "x"},
}


def zero(stage: int) -> dict[str, Any]:
    return {"zero_optimization": {"stage": stage}, "bf16": {"enabled": True}}


def fsdp(version: int) -> dict[str, Any]:
    return {"fsdp": "full_shard auto_wrap", "fsdp_config": {"version": version}}


ROWS = (
    Row("trl 1.16, default", TRL, (4, 0, 4, 8, 2)),
    Row("trl 1.9, default", TRL, (4, 0, 4, 8, 2), versions={"trl": "1.9.0"}),
    Row("trl, dtype: bfloat16", TRL | {"dtype": "bfloat16"}, (2, 0, 2, 4, 0)),
    Row("trl, dtype: auto", TRL | {"dtype": "auto"}, (2, 0, 2, 4, 0)),
    Row("axolotl, bf16: true", AXOLOTL | {"bf16": True}, (2, 0, 2, 4, 0)),
    Row("axolotl, bf16: full", AXOLOTL | {"bf16": "full"}, (2, 0, 2, 4, 0)),
    Row("LLaMA-Factory full", FACTORY | {"bf16": True}, (4, 0, 4, 8, 2)),
    Row("LLaMA-Factory full, no flag", FACTORY, (4, 0, 4, 8, 0)),
    Row("LLaMA-Factory, pure_bf16", FACTORY | {"pure_bf16": True}, (2, 0, 2, 4, 0)),
    Row("torchtune, bf16", TUNE, (2, 0, 2, 4, 0)),
    Row("torchtune, fp32", TUNE | {"dtype": "fp32"}, (4, 0, 4, 8, 0)),
    Row("torchtitan, one GPU", TITAN, (4, 0, 4, 8, 2)),
    Row("torchtitan on 8", TITAN, (4, 0, 4, 8, 0), (8, 8, 8, 8), 8),
    Row(
        "torchtitan on 8, bfloat16",
        TITAN | {"training": {"dtype": "bfloat16"}},
        (2, 0, 2, 4, 0),
        (8, 8, 8, 8),
        8,
    ),
    Row("litgpt, default", LITGPT, (4, 0, 4, 8, 2)),
    Row("litgpt, bf16-true", LITGPT | {"precision": "bf16-true"}, (2, 0, 2, 4, 0)),
    Row("ZeRO-1 on 4", FACTORY | {"deepspeed": zero(1), "bf16": True}, (2, 4, 2, 8, 0), (1, 4, 1, 4), 4),
    Row("ZeRO-2 on 4", FACTORY | {"deepspeed": zero(2), "bf16": True}, (2, 4, 2, 8, 0), (1, 4, 4, 4), 4),
    Row("ZeRO-3 on 4", FACTORY | {"deepspeed": zero(3), "bf16": True}, (2, 4, 2, 8, 0), (4, 4, 4, 4), 4),
    Row("ZeRO-0 on 4", AXOLOTL | {"deepspeed": zero(0), "bf16": True}, (2, 4, 2, 8, 0), gpus=4),
    Row("ZeRO-3 on one GPU", AXOLOTL | {"deepspeed": zero(3), "bf16": True}, (2, 4, 2, 8, 0)),
    Row(
        "accelerate FSDP1",
        TRL | fsdp(1) | {"dtype": "bfloat16", "bf16": True},
        (4, 0, 4, 8, 0),
        (8, 8, 8, 8),
        8,
    ),
    Row(
        "accelerate FSDP2",
        TRL | fsdp(2) | {"dtype": "bfloat16", "bf16": True},
        (4, 0, 4, 8, 0),
        (8, 8, 8, 8),
        8,
    ),
    Row(
        "accelerate 1.13 FSDP2, which forgets the cast",
        TRL | fsdp(2) | {"dtype": "bfloat16", "bf16": True},
        (2, 0, 2, 4, 0),
        (8, 8, 8, 8),
        8,
        {"accelerate": "1.13.0"},
    ),
    Row(
        "axolotl FSDP2, without upcast",
        AXOLOTL | {"bf16": True, "fsdp_version": 2, "fsdp_config": {"reshard_after_forward": True}},
        (2, 0, 2, 4, 0),
        (8, 8, 8, 8),
        8,
    ),
    Row(
        "axolotl FSDP1",
        AXOLOTL | {"bf16": True, "fsdp_version": 1, "fsdp_config": {"offload_params": False}},
        (4, 0, 4, 8, 0),
        (8, 8, 8, 8),
        8,
    ),
    Row(
        "axolotl FSDP1, bf16: full",
        AXOLOTL | {"bf16": "full", "fsdp_version": 1, "fsdp_config": {"offload_params": False}},
        (2, 0, 2, 4, 0),
        (8, 8, 8, 8),
        8,
    ),
)


def job_of(
    values: Mapping[str, Any], gpus: int = 1, versions: Mapping[str, str] | None = None
) -> TrainingJob:
    dialect = detect(values).dialect
    assert dialect is not None
    context = Context(MODELS, gpu_count=gpus, gpu_declared=True, versions=versions or {})
    reading = dialect.read(values, context)
    assert reading.job is not None, reading.obstacle
    return reading.job


def bytes_of(job: TrainingJob) -> tuple[float, float, float, float, float]:
    """W, M, G, O, C of a trained linear layer's weight, before sharing."""
    precision = job.precision
    weight = WIDTH[precision.weights if precision.trainable == "same-as-weights" else precision.trainable]
    master = 4 if precision.master_weights == "float32" else 0
    gradient = weight if precision.gradients == "same-as-weights" else WIDTH[precision.gradients]
    moment = weight if precision.optimizer_states == "same-as-weights" else WIDTH[precision.optimizer_states]
    cast_by_engine = job.parallel.param_dtype == precision.autocast
    copy = 2 if precision.autocast != "none" and weight == 4 and not cast_by_engine else 0
    return weight, master, gradient, 2 * moment, copy


def shares_of(job: TrainingJob) -> tuple[int, int, int, int]:
    """By what W, M, G and O are divided."""
    shared = {
        "zero1": (False, True, False, True),
        "zero2": (False, True, True, True),
        "zero3": (True,) * 4,
        "fsdp1": (True,) * 4,
        "fsdp2": (True,) * 4,
    }.get(job.parallel.strategy, (False,) * 4)
    weights, master, gradients, states = (job.parallel.data if each else 1 for each in shared)
    return weights, master, gradients, states


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_bytes_per_trained_weight(row: Row) -> None:
    job = job_of(row.values, row.gpus, row.versions)
    assert bytes_of(job) == row.bytes
    assert shares_of(job) == row.shares


def test_trl_0_24_leaves_the_dtype_to_transformers_which_follows_the_checkpoint_since_5() -> None:
    newer = job_of(TRL | {"bf16": True}, versions={"trl": "0.24.0", "transformers": "5.23.0"})
    older = job_of(TRL | {"bf16": True}, versions={"trl": "0.24.0", "transformers": "4.57.6"})
    assert bytes_of(newer) == (2, 0, 2, 4, 0)
    assert bytes_of(older) == (4, 0, 4, 8, 2)


def test_axolotl_keeps_embeddings_head_and_norms_in_float32_with_the_default_attention() -> None:
    job = job_of({key: value for key, value in AXOLOTL.items() if key != "flash_attention"} | {"bf16": True})
    assert set(job.precision.fp32_modules) == {"embeddings", "head", "norms"}
    assert job_of(AXOLOTL | {"bf16": True}).precision.fp32_modules == ()


def test_torchtune_frees_gradients_in_the_backward_pass() -> None:
    job = job_of(TUNE | {"optimizer_in_bwd": True})
    assert job.optimizer_in_backward
    assert bytes_of(job) == (2, 0, 2, 4, 0)


def test_fsdp2_up_to_accelerate_1_12_upcasts_the_frozen_base_too() -> None:
    lora = TRL | fsdp(2) | {"use_peft": True, "dtype": "bfloat16", "bf16": True}
    assert job_of(lora, 8, {"accelerate": "1.12.0"}).precision.weights == "float32"
    assert job_of(lora, 8).precision.weights == "bfloat16"


def test_llamafactory_pins_an_accelerate_that_upcasts_the_frozen_base_under_fsdp2() -> None:
    lora = FACTORY | fsdp(2) | {"finetuning_type": "lora", "bf16": True}
    assert job_of(lora, 8).precision.weights == "float32"


def test_ddp_keeps_all_and_its_own_buckets() -> None:
    job = job_of(FACTORY | {"bf16": True}, 4)
    assert job.parallel.strategy == "ddp"
    assert shares_of(job) == (1, 1, 1, 1)
