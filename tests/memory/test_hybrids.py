"""Families whose layers mix tokens by other means than attention, against steps of the real classes."""

from __future__ import annotations

from typing import Any

import pytest

from vramlint.catalog.facts import Model
from vramlint.catalog.models import Models
from vramlint.job import Adapter, Precision, TrainingJob
from vramlint.memory import estimate_job

QWEN3_NEXT: dict[str, Any] = {
    "vocab_size": 8192,
    "hidden_size": 1024,
    "intermediate_size": 2048,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 256,
    "linear_num_key_heads": 8,
    "linear_num_value_heads": 16,
    "num_experts": 16,
    "num_experts_per_tok": 4,
    "moe_intermediate_size": 512,
    "shared_expert_intermediate_size": 512,
}
FALCON_H1: dict[str, Any] = {
    "vocab_size": 65536,
    "hidden_size": 2048,
    "intermediate_size": 4096,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "mamba_d_ssm": 3072,
    "mamba_n_heads": 48,
    "mamba_d_head": 64,
    "mamba_d_state": 256,
}
GRANITE: dict[str, Any] = {
    "vocab_size": 8192,
    "hidden_size": 1024,
    "intermediate_size": 512,
    "shared_intermediate_size": 2048,
    "num_hidden_layers": 4,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "mamba_n_heads": 32,
    "mamba_d_head": 64,
    "mamba_d_state": 128,
    "layer_types": ["mamba", "mamba", "attention", "mamba"],
}
NEMOTRON_H: dict[str, Any] = {
    "vocab_size": 8192,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "mamba_num_heads": 32,
    "n_groups": 4,
    "n_routed_experts": 8,
    "moe_intermediate_size": 512,
    "moe_shared_expert_intermediate_size": 1024,
    "hybrid_override_pattern": "M-M*-MEM",
}
MIB = 2**20
STEPS = (
    ("qwen3_next", QWEN3_NEXT, "full", 2717, 0.002),
    ("qwen3_next", QWEN3_NEXT, "lora", 2377, 0.008),
    ("falcon_h1", FALCON_H1, "lora", 1951, 0.005),
    ("granitemoehybrid", GRANITE, "full", 2956, 0.002),
    ("granitemoehybrid", GRANITE, "lora", 1863, 0.002),
    ("granitemoehybrid", {**GRANITE, "num_local_experts": 0}, "full", 2539, 0.002),
    ("nemotron_h", NEMOTRON_H, "full", 2889, 0.002),
)
"""A family, its config, the method, and the peak in MiB that benchmarks/tracker.py measured on the real class
(transformers 5.24): two rows of 1,024 tokens, one for Falcon; LoRA under autocast.
"""


@pytest.mark.parametrize(("family", "config", "method", "peak", "within"), STEPS)
def test_a_step_needs_what_the_class_allocates(
    family: str, config: dict[str, Any], method: str, peak: int, within: float
) -> None:
    """Mixers on transformers' plain PyTorch path, to the operation."""
    lora = method == "lora"
    falcon = family == "falcon_h1"
    targets = ("q_proj", "k_proj", "v_proj", "o_proj") if falcon else "all-linear"
    job = TrainingJob(
        Model(family, family, {"model_type": family, **config}),
        method="lora" if lora else "full",
        adapter=Adapter(r=8, targets=targets, dtype="float32") if lora else None,
        precision=Precision(weights="bfloat16", autocast="bfloat16" if lora else "none"),
        optimizer="adamw_torch_fused",
        micro_batch_size=1 if falcon else 2,
        sequence_length=1024,
        attention="sdpa",
    )
    estimate = estimate_job(job)
    assert estimate.modelled
    assert estimate.peak_allocated_bytes / MIB == pytest.approx(peak, rel=within)


@pytest.mark.parametrize("family", ["qwen3_next", "granitemoehybrid"])
def test_the_path_that_is_assumed_is_said(family: str) -> None:
    """Kernels are another package; where they are not installed transformers runs plain PyTorch."""
    config = QWEN3_NEXT if family == "qwen3_next" else GRANITE
    estimate = estimate_job(TrainingJob(Model(family, family, config), sequence_length=512))
    assert any("plain PyTorch path" in note for note in estimate.notes)


def test_granite_without_mixers_assumes_nothing_about_them() -> None:
    """Granite 4's small models have attention alone."""
    config = {**GRANITE, "layer_types": ["attention"] * 4}
    model = Model("granitemoehybrid", "granitemoehybrid", config)
    estimate = estimate_job(TrainingJob(model, sequence_length=512))
    assert not any("plain PyTorch path" in note for note in estimate.notes)


def test_a_long_sequence_is_walked_in_groups_of_chunks() -> None:
    """Twice the chunks hold twice as much, however many are walked."""
    model = Model("qwen3_5_text", "qwen3_5_text", QWEN3_NEXT)
    sizes = [
        estimate_job(
            TrainingJob(model, sequence_length=length, gradient_checkpointing="full")
        ).component_sizes["activations"]
        for length in (8192, 16384, 32768)
    ]
    assert sizes[2] - sizes[1] == pytest.approx(2 * (sizes[1] - sizes[0]), rel=0.02)


GEMMA4: dict[str, Any] = {
    "vocab_size": 8192,
    "hidden_size": 1024,
    "intermediate_size": 2048,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "num_key_value_heads": 1,
    "head_dim": 128,
    "global_head_dim": 256,
    "vocab_size_per_layer_input": 4096,
    "hidden_size_per_layer_input": 128,
    "num_kv_shared_layers": 2,
    "use_double_wide_mlp": True,
    "layer_types": ["sliding_attention", "full_attention"] * 3,
}


@pytest.mark.parametrize(("method", "peak"), [("full", 1788), ("lora", 1337)])
def test_gemma_4_needs_what_its_class_allocates(method: str, peak: int) -> None:
    """Shared keys and values, inputs of each layer's own, wide MLPs (measured as above)."""
    lora = method == "lora"
    estimate = estimate_job(
        TrainingJob(
            Model("gemma4_text", "gemma4_text", GEMMA4),
            method="lora" if lora else "full",
            adapter=Adapter(r=8, dropout=0.05, targets="all-linear", dtype="float32") if lora else None,
            precision=Precision(weights="bfloat16", autocast="bfloat16" if lora else "none"),
            optimizer="adamw_torch_fused",
            micro_batch_size=2,
            sequence_length=1024,
            attention="sdpa",
        )
    )
    assert estimate.modelled
    assert estimate.peak_allocated_bytes / MIB == pytest.approx(peak, rel=0.003)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("google/gemma-4-E2B", 4_628_569_344),
        ("google/gemma-4-E4B", 7_463_013_376),
        ("google/gemma-4-26B-A4B", 25_233_141_760),
        ("google/gemma-4-31B", 30_697_345_280),
    ],
)
def test_gemma_4_text_models_have_their_classes_parameters(name: str, parameters: int) -> None:
    """Gemma4ForCausalLM of the released text configs on the meta device (transformers 5.24)."""
    whole = Models().model(name)
    assert whole is not None
    model = Model(name, "gemma4_text", whole.config["text_config"])
    assert estimate_job(TrainingJob(model, sequence_length=128)).parameters == parameters


def test_gemma_4_with_images_has_the_inputs_of_its_layers() -> None:
    """What the text model prepares for its layers reaches them after the tower, too."""
    model = Models().model("google/gemma-4-E2B")
    assert model is not None
    assert (
        estimate_job(TrainingJob(model, sequence_length=512, images="one")).component_sizes["activations"] > 0
    )
