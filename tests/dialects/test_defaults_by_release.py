"""Defaults that moved: what a file that says nothing gets in the releases that run."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_reading import expect, job_of

from vramlint.catalog.releases import together
from vramlint.dialects import REGISTRY
from vramlint.dialects.kit.dialect import ByRelease, before, since
from vramlint.job import FrameworkDefault
from vramlint.memory import estimate_job
from vramlint.versions import release

TRL = "model_name_or_path: meta-llama/Llama-3.2-1B\ndataset_name: data\n"
TRAINER = "model_name_or_path: meta-llama/Llama-3.2-1B\nper_device_train_batch_size: 2\ntrain_file: a\n"
LLAMAFACTORY = (
    "model_name_or_path: meta-llama/Llama-3.2-1B\nstage: sft\ndo_train: true\nfinetuning_type: full\n"
    "dataset: alpaca\ntemplate: llama3\ncutoff_len: 1024\n"
)
AXOLOTL = (
    "base_model: meta-llama/Llama-3.2-1B\nsequence_len: 1024\nmicro_batch_size: 1\n"
    "datasets: [{path: a, type: alpaca}]\n"
)
UNSLOTH = (
    "model: unsloth/Llama-3.2-1B\ntraining: {training_type: lora, max_seq_length: 2048}\nlora: {lora_r: 8}\n"
)
MIXTURE = """
vramlint: 1
model: Qwen/Qwen3-30B-A3B
method: qlora
adapter: {r: 16, targets: [q_proj, k_proj, v_proj, o_proj]}
quantization: {scheme: bnb-nf4}
"""


@pytest.mark.parametrize(
    ("config", "versions", "optimizer"),
    [
        (TRAINER, {}, "adamw_torch_fused"),
        (TRAINER, {"transformers": "4.53.3", "torch": "2.8.0"}, "adamw_torch"),
        (TRAINER, {"transformers": "4.54.0", "torch": "2.7.1"}, "adamw_torch"),
        (TRAINER, {"transformers": "4.54.0", "torch": "2.8.0"}, "adamw_torch_fused"),
        (TRAINER, {"transformers": "4.48.1"}, "adamw_torch"),
        (TRAINER, {"transformers": "4.57"}, "adamw_torch_fused"),
        (TRAINER, {"torch": "2.5"}, "adamw_torch"),
        (TRL, {}, "adamw_torch_fused"),
        (TRL, {"trl": "0.19"}, "adamw_torch"),
        (TRL, {"trl": "0.24"}, "adamw_torch_fused"),
        (TRL, {"trl": "0.24", "torch": "2.6"}, "adamw_torch"),
        (TRL + "max_seq_length: 2048\n", {}, "adamw_torch"),
        (TRL + "optim: adamw_8bit\n", {"trl": "0.19"}, "adamw_8bit"),
        (LLAMAFACTORY, {}, "adamw_torch_fused"),
        (LLAMAFACTORY, {"llamafactory": "0.9.3"}, "adamw_torch"),
        (LLAMAFACTORY, {"llamafactory": "0.9.4"}, "adamw_torch_fused"),
        (AXOLOTL, {}, "adamw_torch_fused"),
        (AXOLOTL, {"transformers": "4.48"}, "adamw_torch_fused"),
        (AXOLOTL, {"axolotl": "0.7.1"}, "adamw_hf"),
    ],
)
def test_the_default_optimizer(config: str, versions: dict[str, str], optimizer: str) -> None:
    job = job_of(config, versions=versions)
    assert job.optimizer == optimizer
    assert optimizer == "adamw_8bit" or isinstance(job.origin("optimizer"), FrameworkDefault)


def test_the_foreach_step_holds_more() -> None:
    old, new = (
        estimate_job(job_of(LLAMAFACTORY, versions={"llamafactory": release}))
        for release in ("0.9.3", "0.9.4")
    )
    assert old.phase_peaks["optimizer"] - new.phase_peaks["optimizer"] > 2 * 10**9


@pytest.mark.parametrize(
    ("config", "versions", "fields"),
    [
        (TRAINER + "gradient_checkpointing: true\n", {}, {"gradient_checkpointing": "full"}),
        (
            TRAINER + "gradient_checkpointing: true\n",
            {"transformers": "4.57"},
            {"gradient_checkpointing": "reentrant"},
        ),
        (TRL, {"trl": "0.26"}, {"gradient_checkpointing": "reentrant"}),
        (TRL, {"trl": "0.27", "transformers": "4.57"}, {"gradient_checkpointing": "full"}),
        (TRAINER, {"transformers": "4.57"}, {"precision.weights": "float32"}),
        (TRAINER, {"transformers": "5.0"}, {"precision.weights": "bfloat16"}),
        (TRL + "use_vllm: true\nnum_generations: 4\n", {"trl": "0.29"}, {"generation.colocated": False}),
        (TRL + "use_vllm: true\nnum_generations: 4\n", {"trl": "1.0"}, {"generation.colocated": True}),
        (UNSLOTH, {}, {"loss": "fused-linear"}),
        (UNSLOTH, {"unsloth": "2024.11.7"}, {"loss": "fused-cross-entropy"}),
    ],
)
def test_other_defaults(config: str, versions: dict[str, str], fields: dict[str, Any]) -> None:
    expect(job_of(config, versions=versions), fields)


@pytest.mark.parametrize(
    ("config", "versions", "field", "origin"),
    [
        (TRAINER, {}, "optimizer", "default of transformers 5.24"),
        (TRAINER, {"transformers": "4.50"}, "optimizer", "default of transformers before 4.54"),
        (TRAINER, {"transformers": "5.1", "torch": "2.6"}, "optimizer", "default of torch before 2.8"),
        # Read from the table of 1.16, whatever release runs; and worked out for an unread one: no release.
        (TRL, {"trl": "1.2"}, "optimizer", "default of trl 1.16"),
        (TRL, {"trl": "0.18"}, "precision.autocast", "default of trl before 0.20"),
        (TRL, {"trl": "0.18"}, "loop", "default of trl"),
        (TRL, {}, "loop", "default of trl 1.16"),
    ],
)
def test_an_origin_names_the_release_its_row_was_read_from(
    config: str, versions: dict[str, str], field: str, origin: str
) -> None:
    assert str(job_of(config, versions=versions).origin(field)) == origin


def test_rows() -> None:
    assert before(1, a="2", b="3").holds({"a": "1", "b": "2.9"})
    assert not before(1, a="2", b="3").holds({"a": "1"})
    assert since(1, a="2").holds({"a": "2.0"})
    assert not since(1, a="2").holds({"a": "1.9"})
    assert str(before(1, a="2", b="3")) == "before a 2 and b 3"
    assert str(ByRelease(1, (("a", "2"),), (("a", "1"),))) == "before a 2, from a 1"


def test_defaults_by_release_are_others_than_the_table_s() -> None:
    rows = [row for entry in REGISTRY for row in entry.load().keys if row.by_release]
    assert len(rows) >= 8
    for row in rows:
        assert all(other.default != row.default for other in row.by_release), row.path
        for other in row.by_release:
            assert all(release(each) is not None for _, each in other.before + other.since), row.path


@pytest.mark.parametrize(
    ("named", "framework", "library", "version"),
    [
        ({"unsloth": "2025.8"}, "", "transformers", "4.55"),
        ({"unsloth": "2025.8.10", "transformers": "4.56"}, "", "transformers", "4.56"),
        ({"axolotl": "0.8.1"}, "", "transformers", "4.51.0"),
        ({"axolotl": "0.8.1"}, "", "accelerate", "1.6.0"),
        ({"llamafactory": "0.9.2"}, "", "peft", "0.12.0"),
        ({}, "llamafactory", "accelerate", "1.11.0"),
        ({"trl": "0.20"}, "", "torch", "2.7"),
        ({"torch": "2.4"}, "", "bitsandbytes", "0.43.3"),
        ({"torch": "1.13"}, "", "transformers", "4.31"),
        ({}, "litgpt", "bitsandbytes", "0.42.0"),
        ({"torch": "2.4"}, "litgpt", "bitsandbytes", "0.42.0"),
    ],
)
def test_a_release_implies_those_it_runs_with(
    named: dict[str, str], framework: str, library: str, version: str
) -> None:
    assert together(named, framework)[library] == version


@pytest.mark.parametrize("named", [{}, {"transformers": "5.5"}, {"trl": "1.16"}, {"torch": "2.9"}])
def test_the_newest_imply_nothing(named: dict[str, str]) -> None:
    assert together(named) == named


def test_a_mixture_of_an_older_unsloth_is_quantized_to_its_experts() -> None:
    newest, older = (job_of(MIXTURE, versions=versions) for versions in ({}, {"unsloth": "2025.8"}))
    assert estimate_job(older).components["weights"] < estimate_job(newest).components["weights"] / 2.5


@pytest.mark.parametrize(
    ("written", "release", "kernel"),
    [
        ("", "0.6", "eager"),
        ("flash_attn: true\n", "0.6", "flash_attention_2"),
        ("", "0.7", "sdpa"),
        ("flash_attn: 'off'\n", "0.8", "eager"),
        ("flash_attn: fa2\n", "0.9.3", "flash_attention_2"),
    ],
)
def test_flash_attention_was_a_switch_of_llamafactory(written: str, release: str, kernel: str) -> None:
    """llmtuner 0.5.3 to 0.6.2, model/patcher.py: eager without it."""
    job = job_of(LLAMAFACTORY + written, versions={"llamafactory": release})
    assert job.attention == kernel


@pytest.mark.parametrize(
    ("release", "recomputes", "strategy"),
    [("0.3", "none", "fsdp1"), ("0.4", "none", "fsdp2"), ("0.5", "full", "fsdp2")],
)
def test_the_first_fine_tuning_of_verl(release: str, recomputes: str, strategy: str) -> None:
    """trainer/config/sft_trainer.yaml of 0.2.0, 0.4.0 and 0.5.0."""
    config = {
        "data": {"micro_batch_size_per_gpu": 1, "train_files": "a"},
        "model": {"partial_pretrain": "meta-llama/Llama-3.2-1B", "fsdp_config": {"model_dtype": "fp32"}},
    }
    job = job_of(config, versions={"verl": release})
    expect(job, {"gradient_checkpointing": recomputes, "parallel.strategy": strategy})
