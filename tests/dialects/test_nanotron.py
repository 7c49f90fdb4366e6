"""What nanotron makes of its files (0.4)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from dialect_reading import expect, job_of, reading

from vramlint.job import Open

EXAMPLE = Path(__file__).parents[2] / "examples" / "nanotron-llama-1b.yaml"
BASE: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))


def changed(**values: Any) -> dict[str, Any]:
    """The example with keys set; `a__b` stands for the key b of section a."""
    out = copy.deepcopy(BASE)
    for name, value in values.items():
        inner: Any = out
        *sections, key = name.split("__")
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[key] = value
    return out


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        pytest.param(
            BASE,
            {
                "runtime": "megatron",
                "objective": "pretrain",
                "precision.weights": "bfloat16",
                "precision.gradients": "float32",
                "precision.master_weights": "float32",
                "optimizer": "adamw_torch_fused",
                "parallel.strategy": "zero1",
                "parallel.data": 4,
                "parallel.tensor": 2,
                "parallel.sequence": True,
                "parallel.pipeline": 1,
                "micro_batch_size": 4,
                "gradient_accumulation_steps": 8,
                "sequence_length": 4096,
                "gradient_checkpointing": "none",
                "gpu_count": 8,
                "nodes": 1,
            },
            id="the example",
        ),
        pytest.param(
            changed(
                optimizer__accumulate_grad_in_fp32=False,
                optimizer__zero_stage=0,
                parallelism__tp_mode="ALL_REDUCE",
                parallelism__recompute_layer=True,
            ),
            {
                "precision.gradients": "same-as-weights",
                "precision.master_weights": "none",
                "parallel.strategy": "ddp",
                "parallel.sequence": False,
                "gradient_checkpointing": "full",
            },
            id="gradients in 16 bits, nothing shared",
        ),
        pytest.param(
            changed(parallelism__pp=4, parallelism__dp=16, parallelism__pp_engine="1f1b"),
            {"parallel.pipeline": 4, "parallel.schedule": "1f1b", "gpu_count": 8, "nodes": 16},
            id="pipeline over nodes",
        ),
        pytest.param(
            changed(parallelism__pp=2, parallelism__pp_engine=None), {"parallel.schedule": "gpipe"}, id="afab"
        ),
    ],
)
def test_fields(config: dict[str, Any], fields: dict[str, Any]) -> None:
    expect(job_of(config), fields)


def test_what_is_not_counted_is_said() -> None:
    assert isinstance(job_of(BASE).origin("precision.gradients"), Open)
    plain = job_of(changed(optimizer__accumulate_grad_in_fp32=False))
    assert not isinstance(plain.origin("precision.gradients"), Open)


@pytest.mark.parametrize(
    "config",
    [
        changed(model__model_config__moe_config={"num_experts": 8}),
        changed(parallelism__expert_parallel_size=2),
        changed(optimizer__optimizer_factory__name="sgd"),
        changed(model__model_config__is_llama_config=False),
        changed(tokens__micro_batch_size=None),
    ],
)
def test_what_is_not_modelled_is_said(config: dict[str, Any]) -> None:
    obstacle = reading(config).obstacle
    assert obstacle is not None
    assert obstacle.code == "not-modelled"
