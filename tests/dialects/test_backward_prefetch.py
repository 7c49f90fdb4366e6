"""What FSDP 1 gathers ahead in backward, from each framework's own config, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from dialect_reading import job_of

from vramlint.job import FrameworkDefault, TrainingJob
from vramlint.memory import estimate_job

LLAMA = "meta-llama/Llama-3.1-8B"
LAYER = 2 * 218_112_000
"""Bytes of one layer in 16 bits."""
TRL = {
    "model_name_or_path": LLAMA,
    "dataset_name": "trl-lib/Capybara",
    "per_device_train_batch_size": 1,
    "max_length": 512,
    "bf16": True,
    "gradient_checkpointing": True,
}
LAUNCHER = {"distributed_type": "FSDP", "mixed_precision": "bf16", "num_processes": 8}
OPTIONS = {
    "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
    "fsdp_transformer_layer_cls_to_wrap": "LlamaDecoderLayer",
    "fsdp_sharding_strategy": "FULL_SHARD",
    "fsdp_version": 1,
}
AXOLOTL = {
    "base_model": LLAMA,
    "micro_batch_size": 1,
    "gradient_accumulation_steps": 1,
    "sequence_len": 512,
    "bf16": True,
    "fsdp": ["full_shard", "auto_wrap"],
}
OUMI = {
    "model": {"model_name": LLAMA, "model_max_length": 512},
    "data": {"train": {"datasets": [{"dataset_name": "x"}]}},
    "training": {"trainer_type": "TRL_SFT", "per_device_train_batch_size": 1},
}


def launched(options: Mapping[str, Any], **versions: str) -> TrainingJob:
    """TRL under accelerate's own launcher file."""
    files = {"fsdp.yaml": {**LAUNCHER, "fsdp_config": {**OPTIONS, **options}}}
    return job_of({**TRL, "accelerate_config": "fsdp.yaml"}, gpus=8, files=files, versions=versions)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("BACKWARD_PRE", "pre"), ("backward_post", "post"), ("NO_PREFETCH", "none"), (1, "pre"), (2, "post")],
)
def test_a_launcher_file_says_it(word: Any, expected: str) -> None:
    job = launched({"fsdp_backward_prefetch": word})
    assert (job.parallel.strategy, job.parallel.backward_prefetch) == ("fsdp1", expected)
    assert "fsdp_backward_prefetch" in str(job.origins["parallel.backward_prefetch"])


def test_a_launcher_file_that_says_nothing_gathers_nothing_ahead() -> None:
    job = launched({})
    assert job.parallel.backward_prefetch == "none"
    assert isinstance(job.origins["parallel.backward_prefetch"], FrameworkDefault)


@pytest.mark.parametrize(
    ("release", "spelling", "expected"),
    [
        ("1.15", "fsdp_backward_prefetch_policy", "none"),
        ("0.34.2", "fsdp_backward_prefetch_policy", "pre"),
        ("0.34.2", "fsdp_backward_prefetch", "pre"),
        ("0.24.1", "fsdp_backward_prefetch", "none"),
        ("0.24.1", "fsdp_backward_prefetch_policy", "pre"),
    ],
)
def test_the_older_spelling(release: str, spelling: str, expected: str) -> None:
    assert launched({spelling: "BACKWARD_PRE"}, accelerate=release).parallel.backward_prefetch == expected


@pytest.mark.parametrize(
    ("options", "release", "expected"),
    [
        ({}, "5.9", "none"),
        ({"backward_prefetch": "backward_pre"}, "5.9", "pre"),
        ({"fsdp_backward_prefetch": "BACKWARD_POST"}, "4.46.1", "post"),
        ({"fsdp_backward_prefetch_policy": "BACKWARD_PRE"}, "4.46.1", "none"),
        ({"backward_prefetch": "BACKWARD_PRE"}, "4.38", "none"),
        ({"fsdp_backward_prefetch": "BACKWARD_PRE"}, "4.38", "pre"),
    ],
)
def test_the_trainers_own_options(options: dict[str, Any], release: str, expected: str) -> None:
    section = {"transformer_layer_cls_to_wrap": "LlamaDecoderLayer", "version": 1, **options}
    config = {**TRL, "fsdp": "full_shard auto_wrap", "fsdp_config": section}
    job = job_of(config, gpus=8, versions={"transformers": release})
    assert (job.parallel.strategy, job.parallel.backward_prefetch) == ("fsdp1", expected)


def test_axolotl_hands_it_to_the_trainer() -> None:
    for options, expected in (({}, "none"), ({"fsdp_backward_prefetch": "BACKWARD_PRE"}, "pre")):
        section = {"fsdp_transformer_layer_cls_to_wrap": "LlamaDecoderLayer", **options}
        job = job_of({**AXOLOTL, "fsdp_config": section}, gpus=8, versions={"axolotl": "0.8"})
        assert (job.parallel.strategy, job.parallel.backward_prefetch) == ("fsdp1", expected)


def test_oumi_asks_for_the_next_layer_first() -> None:
    for options, expected in (({}, "pre"), ({"backward_prefetch": "NO_PREFETCH"}, "none")):
        job = job_of({**OUMI, "fsdp": {"enable_fsdp": True, **options}}, gpus=8)
        assert (job.parallel.strategy, job.parallel.backward_prefetch) == ("fsdp1", expected)


def test_fsdp_2_always_gathers_ahead() -> None:
    job = launched({"fsdp_version": 2})
    peaks = {
        ahead: estimate_job(
            replace(job, parallel=replace(job.parallel, backward_prefetch=ahead))
        ).peak_allocated_bytes
        for ahead in ("pre", "post", "none")
    }
    assert len(set(peaks.values())) == 1


def test_a_layer_less_is_held_in_backward() -> None:
    """Where layers decide, and not embedding and head. The first layer fetches nothing, and runs backward
    beside one more shard of gradients in float32.
    """
    peaks = {}
    for word in ("BACKWARD_PRE", "NO_PREFETCH"):
        job = launched({"fsdp_backward_prefetch": word})
        config = {**job.model.config, "vocab_size": 1024}
        peaks[word] = estimate_job(replace(job, model=replace(job.model, config=config))).phase_peaks
    ahead, plain = peaks["BACKWARD_PRE"], peaks["NO_PREFETCH"]
    assert ahead["backward"] - plain["backward"] == pytest.approx(LAYER - 2 * LAYER / 8, rel=0.02)
    assert ahead["forward"] == plain["forward"]
