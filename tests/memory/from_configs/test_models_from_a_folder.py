"""A recipe that names a folder: what a config.json alone makes of hybrids, mixtures and latent attention.

Parameters are those of the classes of transformers 5.24, counted on the meta device.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from configs import analysis_of, estimate_of, model_folder

RECIPE = """# vramlint: gpu=A100-80GB
model_name_or_path: ./model
dataset_name: own/rows
max_length: 256
per_device_train_batch_size: 1
"""
PLAIN: dict[str, Any] = {
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 512,
    "vocab_size": 1024,
    "tie_word_embeddings": False,
}
EXPERTS: dict[str, Any] = {"num_experts_per_tok": 2, "moe_intermediate_size": 128}
STATE_SPACE: dict[str, Any] = {
    "mamba_n_heads": 8,
    "mamba_d_head": 64,
    "mamba_d_state": 32,
    "mamba_n_groups": 1,
    "mamba_chunk_size": 64,
}
LINEAR_ATTENTION: dict[str, Any] = {
    "head_dim": 64,
    "layer_types": ["linear_attention"] * 3 + ["full_attention"],
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 64,
    "linear_value_head_dim": 64,
    "linear_conv_kernel_dim": 4,
    "num_experts": 8,
    "shared_expert_intermediate_size": 128,
}
LATENT: dict[str, Any] = {
    "num_key_value_heads": 4,
    "q_lora_rank": 96,
    "kv_lora_rank": 64,
    "qk_rope_head_dim": 16,
    "qk_nope_head_dim": 32,
    "v_head_dim": 32,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
}
INDEXER: dict[str, Any] = {"index_head_dim": 32, "index_n_heads": 4}
ONE_DENSE: dict[str, Any] = {"first_k_dense_replace": 1, "n_group": 1, "topk_group": 1}
FAMILIES: dict[str, tuple[dict[str, Any], int]] = {
    "granitemoehybrid": (
        {
            **STATE_SPACE,
            "layer_types": ["mamba", "mamba", "attention", "mamba"],
            "mamba_expand": 2,
            "num_local_experts": 8,
            "num_experts_per_tok": 2,
            "shared_intermediate_size": 256,
        },
        15_345_928,
    ),
    "falcon_h1": ({**STATE_SPACE, "head_dim": 64, "mamba_d_ssm": 512}, 4_544_096),
    "bamba": ({**STATE_SPACE, "attn_layer_indices": [2]}, 3_541_256),
    "nemotron_h": (
        {
            **EXPERTS,
            "head_dim": 64,
            "hybrid_override_pattern": "M-*E",
            "mamba_num_heads": 8,
            "mamba_head_dim": 64,
            "ssm_state_size": 32,
            "n_groups": 1,
            "conv_kernel": 4,
            "n_routed_experts": 8,
            "moe_shared_expert_intermediate_size": 128,
            "n_shared_experts": 1,
        },
        1_991_256,
    ),
    "qwen3_next": ({**EXPERTS, **LINEAR_ATTENTION, "decoder_sparse_step": 1}, 5_135_960),
    "qwen3_5_moe_text": ({**EXPERTS, **LINEAR_ATTENTION}, 5_135_960),
    "gemma4_text": (
        {
            "head_dim": 64,
            "layer_types": ["sliding_attention"] * 3 + ["full_attention"],
            "enable_moe_block": True,
            "num_experts": 8,
            "top_k_experts": 2,
            "moe_intermediate_size": 128,
            "hidden_size_per_layer_input": 0,
            "vocab_size_per_layer_input": 1024,
            "num_kv_shared_layers": 0,
            "tie_word_embeddings": True,
        },
        7_161_504,
    ),
    "deepseek_v3": ({**EXPERTS, **LATENT, **ONE_DENSE}, 4_031_360),
    "deepseek_v32": ({**EXPERTS, **LATENT, **ONE_DENSE, **INDEXER}, 4_117_632),
    "glm_moe_dsa": ({**EXPERTS, **LATENT, **ONE_DENSE, **INDEXER}, 4_117_632),
    "glm4_moe_lite": (
        {
            **EXPERTS,
            **LATENT,
            "moe_intermediate_size": 64,
            "mlp_layer_types": ["dense", "sparse", "sparse", "sparse"],
        },
        2_704_256,
    ),
}
BOUNDS = ("deepseek_v32", "glm_moe_dsa")
"""Activations of these are a bound, and the band says so."""


@pytest.mark.parametrize("family", FAMILIES)
def test_the_recipe_trains_the_parameters_of_its_class(family: str, tmp_path: Path) -> None:
    config, parameters = FAMILIES[family]
    estimate = estimate_of(model_folder(tmp_path, {"model_type": family, **PLAIN, **config}), RECIPE)
    assert estimate.parameters == parameters
    assert estimate.modelled is (family not in BOUNDS)
    assert (estimate.error_band >= 0.25) is (family in BOUNDS)


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "gemma3n_text", "vocab_size_per_layer_input": 1024, "hidden_size_per_layer_input": 32},
        {"model_type": "of-tomorrow", "hybrid_override_pattern": "M-M*"},
        {"model_type": "of-tomorrow", "num_local_experts": 8},
        {"model_type": "of-tomorrow", "audio_config": {"model_type": "ears", "hidden_size": 512}},
    ],
    ids=["gemma3n", "pattern", "experts-without-width", "audio"],
)
def test_weights_of_a_kind_that_is_not_known_are_not_priced_as_a_plain_decoder(
    config: dict[str, Any], tmp_path: Path
) -> None:
    sizes = {key: value for key, value in PLAIN.items() if key != "intermediate_size"}
    analysis = analysis_of(model_folder(tmp_path, {**sizes, **config}), RECIPE)
    assert analysis.estimate is None
    assert analysis.cannot is not None
    named = [key for key in config if key != "model_type"]
    assert any(key in analysis.cannot.message or "experts" in analysis.cannot.message for key in named)
    assert any(finding.code == "VL104" for finding in analysis.findings)


def test_a_stranger_with_experts_counts_them(tmp_path: Path) -> None:
    """Of a family that is not known: 8 experts a layer by their keys, said to be a relative's."""
    mixture = {"model_type": "of-tomorrow", **PLAIN, "n_routed_experts": 8, **EXPERTS}
    plain = {"model_type": "of-tomorrow", **PLAIN}
    counted, dense = (estimate_of(model_folder(tmp_path, config), RECIPE) for config in (mixture, plain))
    more = 4 * (8 * 3 * 256 * 128 + 8 * 256 - 3 * 256 * 512)
    assert counted.parameters - dense.parameters == more
    assert counted.error_band >= 0.25
    assert not any("exact" in note for note in counted.notes)
