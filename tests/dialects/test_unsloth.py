"""What Unsloth makes of its config (2026.10.9)."""

from __future__ import annotations

import pytest
from dialect_reading import expect, job_of

from vramlint.memory import estimate_job

CONFIG = """\
model: {model}
training: {{training_type: lora, max_seq_length: 2048, batch_size: 2}}
lora: {{lora_r: 16{lora}}}
"""


def config(model: str, lora: str = "") -> str:
    return CONFIG.format(model=model, lora=lora)


@pytest.mark.parametrize(
    ("model", "fused"),
    [
        ("unsloth/Qwen3-8B", True),
        ("unsloth/gemma-3-4b-it", False),
        ("unsloth/Qwen2.5-VL-7B-Instruct", False),
        ("unsloth/granite-4.0-h-micro", False),
        ("LiquidAI/LFM2-1.2B", False),
    ],
)
def test_layers_that_unsloth_does_not_run_itself_are_those_of_transformers_and_peft(
    model: str, fused: bool
) -> None:
    """models/loader.py and models/vision.py of unsloth 2026.10.9."""
    job = job_of(config(model))
    assert job.adapter is not None
    expect(job, {"adapter.fused_kernels": fused, "gradient_checkpointing": "full", "images": "none"})
    assert estimate_job(job).trainable_parameters > 0


def test_parts_of_a_model_that_are_switched_off_have_no_adapter() -> None:
    """get_peft_regex of unsloth_zoo 2026.10.9: the tower, attention, MLPs."""
    model = "unsloth/Qwen2.5-VL-7B-Instruct"
    trained = {
        lora: estimate_job(job_of(config(model, lora))).trainable_parameters
        for lora in ("", ", finetune_vision_layers: false", ", finetune_mlp_modules: false")
    }
    whole, language, attention = trained.values()
    assert whole > language > attention
    # Seven linears of 28 layers: hidden 3,584, heads 512 wide in key and value, MLP 18,944.
    assert language == 16 * 28 * (2 * 7_168 + 2 * 4_096 + 3 * 22_528)
