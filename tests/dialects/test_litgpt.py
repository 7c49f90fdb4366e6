"""What LitGPT's scripts make of a file."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from dialect_reading import edited, expect, job_of, reading, value_at

from vramlint.dialects.litgpt.read import DIALECT
from vramlint.job import Assumed

FULL: dict[str, Any] = {
    "checkpoint_dir": "checkpoints/meta-llama/Llama-2-7b-hf",
    "precision": "bf16-true",
    "devices": 1,
    "data": {"class_path": "litgpt.data.Alpaca2k"},
    "train": {"global_batch_size": 16, "micro_batch_size": 2, "max_seq_length": 512},
    "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 0.0002}},
}
LORA = FULL | {"lora_r": 32, "lora_alpha": 16, "lora_query": True, "lora_value": True}


def changed(base: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A config with values set; `a__b` stands for the key b of section a."""
    out = copy.deepcopy(base)
    for name, value in values.items():
        section, _, key = name.partition("__")
        if key:
            out[section][key] = value
        else:
            out[name] = value
    return out


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        pytest.param(
            FULL,
            {
                "model.name": "meta-llama/Llama-2-7b-hf",
                "objective": "sft",
                "method": "full",
                "precision.weights": "bfloat16",
                "precision.autocast": "none",
                "micro_batch_size": 2,
                "gradient_accumulation_steps": 8,
                "sequence_length": 512,
                "gradient_checkpointing": "none",
                "optimizer": "adamw_torch",
                "loss": 8,
                "loop": "plain",
                "gradient_clipping": None,
                "parallel.strategy": "none",
            },
            id="full",
        ),
        pytest.param(
            changed(FULL, precision=None),
            {"precision.weights": "float32", "precision.autocast": "bfloat16", "loop": "trainer"},
            id="the default is bf16-mixed",
        ),
        pytest.param(
            LORA,
            {
                "method": "lora",
                "adapter.r": 32,
                "adapter.dropout": 0.05,
                "adapter.dtype": "same-as-base",
                "adapter.targets": ("q", "v"),
            },
            id="lora",
        ),
        pytest.param(
            changed(LORA, lora_key=True, lora_projection=True, lora_mlp=True, lora_head=True),
            {"adapter.targets": ("q", "k", "v", "o", "mlp", "head")},
            id="all parts",
        ),
        pytest.param(
            changed(LORA, quantize="bnb.nf4-dq"),
            {
                "method": "qlora",
                "quantization.scheme": "bnb-nf4",
                "quantization.double_quant": True,
                "optimizer": "paged_adamw_32bit",
            },
            id="qlora",
        ),
        pytest.param(
            changed(FULL, devices=4),
            {
                "parallel.strategy": "fsdp1",
                "parallel.data": 4,
                "gradient_checkpointing": "full",
                "gradient_accumulation_steps": 2,
            },
            id="several devices",
        ),
        pytest.param(
            changed(LORA, devices=4),
            {"parallel.strategy": "fsdp2", "gradient_checkpointing": "full"},
            id="several devices with LoRA",
        ),
        pytest.param(
            {
                "model_name": "pythia-14m",
                "train": {"micro_batch_size": 5, "max_norm": 1.0},
                "devices": 2,
                "num_nodes": 2,
            }
            | {"data": {"class_path": "x"}, "eval": {"initial_validation": False}},
            {
                "objective": "pretrain",
                "parallel.data": 2,
                "parallel.replicate": 2,
                "gradient_checkpointing": "none",
                "gradient_clipping": 1.0,
                "compile": True,
            },
            id="pretraining",
        ),
    ],
)
def test_fields(config: dict[str, Any], fields: dict[str, Any]) -> None:
    expect(job_of(config), fields)


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (changed(LORA, quantize="bnb.nf4", precision="bf16-mixed"), "quantized-mixed-precision"),
        (changed(LORA, quantize="bnb.nf4", devices=2), "quantized-sharding"),
    ],
)
def test_what_the_scripts_refuse(config: dict[str, Any], kind: str) -> None:
    found = [(problem.kind, problem.key, problem.severity) for problem in reading(config).problems]
    assert found == [(kind, ("quantize",), "error")]


def test_clean_files_have_no_problems() -> None:
    for config in (FULL, LORA, changed(LORA, quantize="bnb.nf4")):
        assert reading(config).problems == ()


def test_an_unbounded_length_is_an_assumption() -> None:
    assert isinstance(job_of(changed(FULL, train__max_seq_length=None)).origin("sequence_length"), Assumed)


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        (FULL, {"micro_batch_size": 1, "gradient_accumulation_steps": 16}),
        (FULL, {"sequence_length": 256}),
        (LORA, {"method": "qlora"}),
        (changed(LORA, quantize="bnb.nf4"), {"method": "lora"}),
        (LORA, {"adapter.r": 8}),
        (FULL, {"optimizer": "adamw_8bit"}),
        (changed(FULL, precision="32-true"), {"precision.weights": "bfloat16"}),
    ],
    ids=str,
)
def test_edits_read_back_as_what_was_asked(config: dict[str, Any], changes: dict[str, Any]) -> None:
    edits = DIALECT.edits(config, job_of(config), changes)
    assert edits
    job = job_of(edited(config, edits))
    assert {name: value_at(job, name) for name in changes} == changes


def test_checkpointing_has_no_switch() -> None:
    assert DIALECT.edits(FULL, job_of(FULL), {"gradient_checkpointing": "full"}) is None
