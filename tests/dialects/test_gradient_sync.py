"""When gradients are reduced under FSDP, from each framework's own config, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from dialect_reading import job_of, reading

from vramlint.advice.changes import apply
from vramlint.advice.remedies import moves
from vramlint.catalog.facts import GIB
from vramlint.dialects import detect
from vramlint.dialects.kit.dialect import SetKey
from vramlint.job import TrainingJob
from vramlint.memory import estimate_job

LLAMA = "meta-llama/Llama-3.1-8B"
AXOLOTL = {
    "base_model": LLAMA,
    "micro_batch_size": 1,
    "gradient_accumulation_steps": 4,
    "sequence_len": 2048,
    "bf16": True,
    "gradient_checkpointing": True,
    "fsdp_version": 2,
    "fsdp_config": {"reshard_after_forward": True, "auto_wrap_policy": "TRANSFORMER_BASED_WRAP"},
}
LLAMAFACTORY = {
    "model_name_or_path": LLAMA,
    "finetuning_type": "full",
    "template": "llama3",
    "cutoff_len": 2048,
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 4,
    "bf16": True,
    "fsdp": "full_shard auto_wrap",
}
TRL = {
    "model_name_or_path": LLAMA,
    "dataset_name": "trl-lib/Capybara",
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 4,
    "max_length": 2048,
    "bf16": True,
    "fsdp": True,
    "fsdp_config": {"version": 2},
}
TRAINERS = {"axolotl": AXOLOTL, "llamafactory": LLAMAFACTORY, "trl": TRL}
SYNCED = {"accelerator_config": {"gradient_accumulation_kwargs": {"sync_each_batch": True}}}
WHOLE = 2 * 8_030_261_248
"""Bytes of all gradients in 16 bit."""


def gradients(job: TrainingJob) -> int:
    """Bytes of gradients that are kept between micro batches."""
    return estimate_job(job).component_sizes["gradients"]


@pytest.mark.parametrize("config", TRAINERS.values(), ids=TRAINERS)
def test_the_trainer_keeps_gradients_whole_while_it_accumulates(config: Mapping[str, Any]) -> None:
    assert gradients(job_of(config, gpus=8)) == pytest.approx(WHOLE, rel=0.001)
    assert gradients(job_of({**config, "gradient_accumulation_steps": 1}, gpus=8)) < WHOLE / 3


@pytest.mark.parametrize("config", TRAINERS.values(), ids=TRAINERS)
def test_sync_each_batch_leaves_a_shard(config: Mapping[str, Any]) -> None:
    job = job_of({**config, **SYNCED}, gpus=8)
    assert job.parallel.sync_each_batch is True
    assert job.written("parallel.sync_each_batch") is not None
    assert gradients(job) < WHOLE / 3


@pytest.mark.parametrize("config", TRAINERS.values(), ids=TRAINERS)
def test_accelerate_before_1_11_reduces_each_micro_batch_under_fsdp2(config: Mapping[str, Any]) -> None:
    """It asks for `no_sync`, which only FSDP1's modules have."""
    second = {**config, "fsdp_config": {**config.get("fsdp_config", {}), "fsdp_version": 2}}
    first = {**config, "fsdp_version": 1, "fsdp_config": {"fsdp_version": 1}}
    for release, whole in (("1.10.1", False), ("1.11", True)):
        job = job_of(second, gpus=8, versions={"accelerate": release})
        assert job.parallel.strategy == "fsdp2"
        assert (gradients(job) > WHOLE / 2) is whole
    if "axolotl" not in config and "base_model" not in config:
        assert gradients(job_of(first, gpus=8, versions={"accelerate": "1.10.1"})) > WHOLE / 2


def test_releases_that_ignore_the_key() -> None:
    outcome = reading({**TRL, **SYNCED}, gpus=8, versions={"transformers": "4.57"})
    assert outcome.job is not None
    assert outcome.job.parallel.sync_each_batch is False
    assert "ineffective-key" in {problem.kind for problem in outcome.problems}
    old = job_of({**TRL, **SYNCED}, gpus=8, versions={"transformers": "4.45"})
    assert old.parallel.sync_each_batch is True


def test_a_large_model_on_many_gpus() -> None:
    config = {**AXOLOTL, "base_model": "meta-llama/Llama-3.1-70B"}
    job = job_of(config, gpus=8, nodes=4)
    assert estimate_job(job).peak_allocated_bytes > 131 * GIB


@pytest.mark.parametrize(
    "config",
    [
        {
            "model": {"name": "llama3", "flavor": "8B"},
            "training": {"local_batch_size": 1, "seq_len": 2048, "global_batch_size": 32},
        },
        {
            "recipe": "full_finetune_distributed",
            "model": {"_component_": "torchtune.models.llama3_1.llama3_1_8b"},
            "tokenizer": {"_component_": "torchtune.models.llama3.llama3_tokenizer", "max_seq_len": 2048},
            "batch_size": 1,
            "gradient_accumulation_steps": 4,
            "dtype": "bf16",
            "optimizer": {"_component_": "torch.optim.AdamW"},
        },
    ],
    ids=["torchtitan", "torchtune"],
)
def test_loops_that_reduce_after_each_micro_batch(config: Mapping[str, Any]) -> None:
    assert gradients(job_of(config, gpus=8)) < WHOLE / 3


def test_litgpt_keeps_them_whole() -> None:
    config = """
checkpoint_dir: checkpoints/meta-llama/Llama-3.1-8B
precision: bf16-true
devices: 8
train: {global_batch_size: 32, micro_batch_size: 1, max_seq_length: 2048}
"""
    assert gradients(job_of(config, gpus=8)) == pytest.approx(WHOLE, rel=0.01)


@pytest.mark.parametrize(("rows", "whole"), [(64, True), (8, False)])
def test_nemo_automodel_keeps_them_whole_in_float32(rows: int, whole: bool) -> None:
    """0.7, components/distributed/utils.py, get_sync_ctx: only the last micro batch is synchronised."""
    config = f"""
recipe: TrainFinetuneRecipeForNextTokenPrediction
step_scheduler: {{global_batch_size: {rows}, local_batch_size: 1}}
model:
  _target_: nemo_automodel.NeMoAutoModelForCausalLM.from_pretrained
  pretrained_model_name_or_path: {LLAMA}
  torch_dtype: bf16
distributed: {{strategy: fsdp2, tp_size: 1}}
dataset: {{_target_: own.rows, seq_length: 2048}}
packed_sequence: {{packed_sequence_size: 2048}}
optimizer: {{_target_: torch.optim.AdamW, lr: 1.0e-5}}
"""
    held = gradients(job_of(config, gpus=8))
    assert held == pytest.approx(2 * WHOLE if whole else WHOLE / 8, rel=0.01)


def test_a_pipeline_reduces_once_for_all_micro_batches() -> None:
    """torchtitan, 405B on 8 × 8 × 8: four bytes for each of a stage's weights, which are gathered once."""
    titan = {
        "model": {"name": "llama3", "flavor": "405B"},
        "training": {"local_batch_size": 8, "seq_len": 8192},
        "parallelism": {
            "tensor_parallel_degree": 8,
            "pipeline_parallel_degree": 8,
            "data_parallel_shard_degree": 8,
        },
        "activation_checkpoint": {"mode": "full"},
    }
    estimate = estimate_job(job_of(titan, gpus=8, nodes=64))
    assert estimate.component_sizes["gradients"] == pytest.approx(23.6 * GIB, rel=0.05)
    assert estimate.peak_allocated_bytes < 60 * GIB


@pytest.mark.parametrize("config", TRAINERS.values(), ids=TRAINERS)
def test_the_quick_fix_is_written_and_helps(config: Mapping[str, Any]) -> None:
    job = job_of(config, gpus=8)
    move = next(move for move in moves(job) if "parallel.sync_each_batch" in move.changes)
    assert move.safe
    dialect = detect(dict(config)).dialect
    assert dialect is not None
    keys = ("accelerator_config", "gradient_accumulation_kwargs", "sync_each_batch")
    assert dialect.edits(dict(config), job, move.changes) == (SetKey(keys, True),)
    assert gradients(apply(job, move.changes)) < WHOLE / 3


def test_no_fix_where_the_release_ignores_it() -> None:
    job = job_of(TRL, gpus=8, versions={"transformers": "4.57"})
    dialect = detect(dict(TRL)).dialect
    assert dialect is not None
    assert dialect.edits(dict(TRL), job, {"parallel.sync_each_batch": True}) is None


def test_smaller_micro_batches_are_offered_with_reduced_gradients_too() -> None:
    job = job_of({**AXOLOTL, "micro_batch_size": 4, "gradient_accumulation_steps": 1}, gpus=8)
    small, synced = (
        next(move.changes for move in moves(job) if name in move.changes)
        for name in ("micro_batch_size", "parallel.sync_each_batch")
    )
    peaks = [
        estimate_job(apply(job, changes)).peak_allocated_bytes for changes in (small, {**small, **synced})
    ]
    assert peaks[1] < estimate_job(job).peak_allocated_bytes
    assert peaks[0] > peaks[1] + WHOLE / 2
