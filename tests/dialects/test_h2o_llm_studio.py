"""What H2O LLM Studio makes of an experiment's file (1.14)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from dialect_reading import expect, job_of, reading

from vramlint.dialects import detect
from vramlint.job import Written

EXAMPLE = Path(__file__).parents[2] / "examples" / "h2o-llm-studio-danube2-1.8b.yaml"
WHOLE: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
FULL = {"architecture__backbone_dtype": "bfloat16", "training__lora": False}
ZERO = {**FULL, "environment__use_deepspeed": True, "environment__gpus": ["0", "1", "2", "3"]}


def changed(**values: Any) -> dict[str, Any]:
    """The example with keys set; `a__b` stands for the key b of section a."""
    out = copy.deepcopy(WHOLE)
    for name, value in values.items():
        *sections, key = name.split("__")
        inner = out
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[key] = value
    return out


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        pytest.param(
            {},
            {
                "method": "qlora",
                "quantization.scheme": "bnb-nf4",
                "quantization.double_quant": False,
                "quantization.compute": "float16",
                "quantization.kbit_prep": "fp32-norms-embeddings-head",
                "adapter.r": 4,
                "adapter.targets": "all-linear",
                "adapter.dtype": "float32",
                "precision.autocast": "bfloat16",
                "micro_batch_size": 2,
                "sequence_length": 512,
                "gradient_checkpointing": "full",
                "gradient_clipping": None,
                "loop": "plain",
                "loss": "full-logits",
                "evaluation.batch": 2,
            },
            id="qlora",
        ),
        pytest.param(
            {"architecture__backbone_dtype": "int8"}, {"quantization.scheme": "bnb-int8"}, id="8 bits"
        ),
        pytest.param(
            {"architecture__backbone_dtype": "bfloat16", "training__lora_target_modules": "q_proj, v_proj"},
            {"method": "lora", "adapter.targets": ("q_proj", "v_proj"), "precision.autocast": "bfloat16"},
            id="lora",
        ),
        pytest.param(
            FULL,
            {"method": "full", "precision.weights": "bfloat16", "precision.autocast": "none"},
            id="mixed precision is off",
        ),
        pytest.param(
            {**FULL, "architecture__backbone_dtype": "float32"},
            {"precision.weights": "float32", "precision.autocast": "bfloat16"},
            id="mixed precision",
        ),
        pytest.param(
            {"environment__gpus": ["0", "1"]},
            {"parallel.strategy": "ddp", "parallel.data": 2, "gpu_count": 2},
            id="two processes",
        ),
        pytest.param(
            ZERO,
            {
                "parallel.strategy": "zero2",
                "parallel.data": 4,
                "parallel.buckets.reduce": 1_000_000,
                "parallel.buckets.overlap_comm": True,
                "precision.master_weights": "float32",
            },
            id="zero 2",
        ),
        pytest.param(
            {
                **ZERO,
                "environment__deepspeed_method": "ZeRO3",
                "environment__deepspeed_stage3_prefetch_bucket_size": 5000,
            },
            {"parallel.strategy": "zero3", "parallel.buckets.prefetch": 5000},
            id="zero 3",
        ),
        pytest.param({"training__optimizer": "AdamW8bit"}, {"optimizer": "adamw_8bit"}, id="optimizer"),
        pytest.param({"prediction__metric": "GPT"}, {"evaluation": None}, id="answers are generated"),
    ],
)
def test_fields(change: dict[str, Any], fields: dict[str, Any]) -> None:
    job = job_of(changed(**change))
    expect(job, fields)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"problem_type": "text_dpo_modeling"}, ("problem_type",)),
        ({"training__use_dora": True}, ("training", "use_dora")),
        ({"training__freeze_layers": ["embed"]}, ("training", "freeze_layers")),
        ({"training__optimizer": "Adadelta"}, ("training", "optimizer")),
        ({"training__lora": False}, ("architecture", "backbone_dtype")),
        ({"environment__gpus": [""]}, ("environment", "gpus")),
    ],
)
def test_what_is_not_modelled_says_where(change: dict[str, Any], place: tuple[str, ...]) -> None:
    obstacle = reading(changed(**change)).obstacle
    assert obstacle is not None
    assert (obstacle.code, obstacle.key) == ("not-modelled", place)


def test_buckets_are_written_where_the_file_has_them() -> None:
    job = job_of(changed(**ZERO, environment__deepspeed_reduce_bucket_size=7000))
    assert job.origins["parallel.buckets.reduce"] == Written(("environment", "deepspeed_reduce_bucket_size"))


def test_recognised_by_its_own_key() -> None:
    assert detect(WHOLE).name == "h2o-llm-studio"
