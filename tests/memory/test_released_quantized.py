"""Weights of a checkpoint that was released quantized."""

from __future__ import annotations

from typing import Any

import pytest
from llama import LLAMA_8B

from vramlint.catalog.config_json import model_from_config
from vramlint.catalog.facts import GIB
from vramlint.job import Adapter, TrainingJob, released_quantized
from vramlint.memory import Estimate, estimate_job

LINEAR = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336)


def lora(quantization: dict[str, Any] | None) -> Estimate:
    model = model_from_config({**LLAMA_8B, "quantization_config": quantization}, "acme/llama")
    assert model is not None
    stored = released_quantized(model.quantized_as) if model.quantized_as else None
    return estimate_job(TrainingJob(model=model, method="lora", adapter=Adapter(), quantization=stored))


def test_a_scheme_that_is_not_known_is_counted_at_16_bits_and_never_called_too_large() -> None:
    plain, odd = lora(None), lora({"quant_method": "vptq"})
    assert odd.sizes["weights"] == plain.sizes["weights"]
    assert odd.verdict(GIB) == "unknown"
    assert odd.verdict(80 * GIB) == "fits"
    assert odd.bound == "at most "
    assert "'vptq'" in odd.why_unknown[0]


@pytest.mark.parametrize(
    ("quantization", "bits"),
    [
        ({"quant_method": "gptq", "bits": 3}, 3 + (16 + 3) / 128),
        ({"quant_method": "hqq", "bits": 8}, 8 + 32 / 64),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"a": {"weights": {"type": "int", "num_bits": 4}}},
            },
            4 + 16 / 128,
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"a": {"weights": {"type": "float", "num_bits": 4}}},
            },
            4 + 8 / 16,
        ),
    ],
    ids=["gptq-int3", "hqq-int8", "int4", "fp4"],
)
def test_what_packed_weights_take(quantization: dict[str, Any], bits: float) -> None:
    saved = lora(None).sizes["weights"] - lora(quantization).sizes["weights"]
    assert saved == pytest.approx(LINEAR * (2 - bits / 8), rel=0.001)
    assert not lora(quantization).why_unknown
