"""What Unsloth makes of its config (2026.10.9)."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_reading import expect, job_of, reading

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


LLAMA_FACTORY = {
    "model_name_or_path": "meta-llama/Llama-3.1-8B-Instruct",
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "lora_target": "all",
    "cutoff_len": 4096,
    "bf16": True,
    "output_dir": "o",
}
SWIFT = {
    "model": "Qwen/Qwen2.5-7B-Instruct",
    "tuner_type": "lora",
    "dataset": "d",
    "torch_dtype": "bfloat16",
    "lora_dropout": 0,
    "max_length": 4096,
}


@pytest.mark.parametrize(
    ("values", "switch", "loss"),
    [
        (LLAMA_FACTORY, {"use_unsloth": True}, "fused-linear"),
        (SWIFT, {"tuner_backend": "unsloth"}, "fused-cross-entropy"),
    ],
    ids=["llamafactory", "ms-swift"],
)
def test_frameworks_that_load_with_unsloth_train_its_layers(
    values: dict[str, Any], switch: dict[str, Any], loss: str
) -> None:
    """model/model_utils/unsloth.py of LLaMA-Factory 0.9.5; model/register.py of ms-swift 4.6, which asks for
    all logits.
    """
    plain, swapped = job_of(values), job_of(values | switch)
    assert plain.adapter is not None
    assert not plain.adapter.fused_kernels
    expect(
        swapped,
        {
            "adapter.fused_kernels": True,
            "adapter.dtype": "float32",
            "activation_offload": True,
            "gradient_checkpointing": "full",
            "loss": loss,
        },
    )
    assert estimate_job(swapped).device_bytes < estimate_job(plain).device_bytes


def test_losses_over_pairs_are_not_judged_under_unsloth() -> None:
    for values in (
        LLAMA_FACTORY | {"use_unsloth": True, "stage": "dpo"},
        SWIFT | {"tuner_backend": "unsloth", "rlhf_type": "dpo"},
    ):
        obstacle = reading(values).obstacle
        assert obstacle is not None
        assert "Unsloth" in obstacle.message
