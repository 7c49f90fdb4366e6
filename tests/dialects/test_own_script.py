"""People's own configs, read by name."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from dialect_reading import expect, job_of, reading

from vramlint.analysis.analyse import analyse
from vramlint.dialects import detect
from vramlint.document import Document
from vramlint.job import Assumed
from vramlint.project.workspace import Workspace

FLAT: dict[str, Any] = {
    "base_model": "Qwen/Qwen2.5-1.5B",
    "max_length": 2048,
    "lora_r": 16,
    "lora_alpha": 32,
    "target_modules": ["q_proj", "v_proj"],
    "epochs": 3,
    "per_device_batch_size": 2,
    "gradient_accumulation_steps": 8,
    "bf16": True,
    "train_data": "data/train.jsonl",
}
SECTIONS: dict[str, Any] = {
    "model": {"name": "Qwen/Qwen2.5-1.5B", "dtype": "bfloat16"},
    "quantization": {"load_in_4bit": True, "bnb_4bit_use_double_quant": True},
    "lora": {"r": 8, "alpha": 16, "target_modules": ["q_proj"]},
    "training": {"per_device_train_batch_size": 4, "gradient_checkpointing": True, "optim": "adamw_8bit"},
    "sft": {"max_seq_length": 512, "packing": False},
    "serving": {"model_name": "gpt2", "max_length": 9},
}


def changed(base: dict[str, Any], **values: Any) -> dict[str, Any]:
    """The config with values set; `a__b` is the key b of section a; None removes it."""
    out = copy.deepcopy(base)
    for name, value in values.items():
        *sections, key = name.split("__")
        place = out
        for section in sections:
            place = place.setdefault(section, {})
        if value is None:
            place.pop(key, None)
        else:
            place[key] = value
    return out


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        pytest.param(
            FLAT,
            {"method": "lora", "micro_batch_size": 2, "sequence_length": 2048, "adapter.r": 16,
             "objective": "sft", "adapter.targets": ("q_proj", "v_proj"), "precision.autocast": "bfloat16"},
            id="flat",
        ),
        pytest.param(
            SECTIONS,
            {"method": "qlora", "micro_batch_size": 4, "sequence_length": 512, "adapter.r": 8,
             "quantization.scheme": "bnb-nf4", "quantization.double_quant": True,
             "gradient_checkpointing": "full", "optimizer": "adamw_8bit", "packing": False},
            id="in sections; what serves the model is not read",
        ),
        pytest.param(
            changed(FLAT, method="dpo", lora_r=None, lora_alpha=None, target_modules=None),
            {"method": "full", "objective": "dpo", "reference_model": "resident"},
            id="full DPO",
        ),
        pytest.param(
            changed(SECTIONS, training__per_device_train_batch_size=None, training__batch_size=3),
            {"micro_batch_size": 3},
            id="a batch under another name, beside a rank",
        ),
        pytest.param(changed(SECTIONS, lora__use_dora=True), {"method": "dora"}, id="DoRA"),
    ],
)  # fmt: skip
def test_arguments_are_found_by_name(config: dict[str, Any], fields: dict[str, Any]) -> None:
    assert detect(config).name == "own-script"
    job = job_of(config)
    expect(job, fields)
    assert isinstance(job.origins["loop"], Assumed)
    assert "the script may do otherwise" in str(job.origins["loop"])


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(changed(FLAT, max_length=None), id="no length"),
        pytest.param(changed(FLAT, seq_len=512), id="two lengths"),
        pytest.param(changed(FLAT, method="grpo"), id="who generates is open"),
        pytest.param(changed(SECTIONS, lora=None, training__batch=1), id="quantized weights without a rank"),
        pytest.param(changed(SECTIONS, model__name="Qwen/Qwen2.5-VL-3B-Instruct"), id="images"),
        pytest.param(changed(SECTIONS, model__name="our/unheard-of"), id="an unknown model"),
        pytest.param(changed(SECTIONS, model__method="auto"), id="the method is chosen at run time"),
        pytest.param(
            changed(FLAT, method="qlora", lora_r=None, lora_alpha=None), id="an adapter without a rank"
        ),
        pytest.param(changed(FLAT, teacher_model_name_or_path="gpt2"), id="distillation"),
    ],
)
def test_silence_where_a_deciding_fact_is_missing(config: dict[str, Any]) -> None:
    found = reading(config)
    assert found.job is None
    assert found.obstacle is not None


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({"model": {"name": "resnet50"}, "train": {"batch_size": 32, "lr": 0.1}}, id="vision"),
        pytest.param({"pretrained_model_name_or_path": "x", "rank": 4, "batch_size": 1}, id="diffusion"),
        pytest.param({"model": "mlx-community/Qwen3-4B-4bit", "batch_size": 2, "iters": 100,
                      "lora_parameters": {"rank": 8}}, id="mlx-lm"),
        pytest.param({"defaults": ["a"], **FLAT}, id="Hydra"),
        pytest.param(changed(FLAT, output="${dir}/x", base_model="${model}"), id="references"),
        pytest.param({"lora_r": 8, "lora_alpha": 16, "target_modules": ["q_proj"]}, id="an adapter's config"),
        pytest.param({"per_device_train_batch_size": 1, "learning_rate": 1e-4}, id="no model"),
    ],
)  # fmt: skip
def test_files_that_are_left_alone(config: dict[str, Any]) -> None:
    assert detect(config).name is None


def test_nothing_is_said_of_keys_and_no_frameworks_rules_apply(tmp_path: Path) -> None:
    text = "\n".join(
        [
            "# vramlint: gpu=RTX-3060",
            "base_model: Qwen/Qwen2.5-14B",
            "max_length: 8192",
            "lora_r: 16",
            "per_device_train_batch_size: 8",
            "scheduler_type: cosine",
            "bf16: true",
        ]
    )
    findings = analyse(Document.parse(text, str(tmp_path / "x.yaml")), Workspace(tmp_path)).findings
    assert [(finding.code, finding.severity) for finding in findings] == [("VL101", "warning")]
    assert "the script may do otherwise" in findings[0].message


def test_an_own_file_that_says_too_little_is_left_in_peace(tmp_path: Path) -> None:
    text = "base_model: gpt2\nlora_r: 16\nper_device_train_batch_size: 8\n"
    analysis = analyse(Document.parse(text, str(tmp_path / "x.yaml")), Workspace(tmp_path))
    assert analysis.dialect is not None
    assert not analysis.findings


def test_a_declared_release_names_the_framework(tmp_path: Path) -> None:
    text = "# vramlint: versions=trl@0.12\nmodel_name_or_path: gpt2\nmax_length: 512\n"
    text += "per_device_train_batch_size: 1\n"
    analysis = analyse(Document.parse(text, str(tmp_path / "x.yaml")), Workspace(tmp_path))
    assert analysis.dialect is not None
    assert analysis.dialect.name == "trl"


def test_a_section_may_be_called_the_arguments_of_something() -> None:
    config = {
        "model": {"hf_model_ckpt": "Qwen/Qwen2.5-1.5B"},
        "lora_settings": {"rank": 24, "alpha": 48},
        "training": {
            "training_args": {"per_device_train_batch_size": 3},
            "sft_args": {"max_seq_length": 768},
        },
    }
    job = job_of(config)
    expect(
        job,
        {"model.name": "Qwen/Qwen2.5-1.5B", "adapter.r": 24, "micro_batch_size": 3, "sequence_length": 768},
    )


MIXED = {
    "model_name": "google/gemma-3-4b-it",
    "max_length": 640,
    "per_device_train_batch_size": 2,
    "lora_r": 8,
}


def test_a_model_that_also_sees_is_trained_on_text_where_nothing_speaks_of_images() -> None:
    config = MIXED | {"target_modules": ["q_proj"]}
    expect(job_of(config), {"sequence_length": 640, "adapter.r": 8})
    for seen in (
        {"data": {"image_folder": "x"}},
        {"dataset": "me/receipts-ocr"},
        {"model_name": "Qwen/Qwen2.5-VL-3B-Instruct"},
    ):
        assert reading(config | seen).obstacle is not None
