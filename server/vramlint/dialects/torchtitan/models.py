"""Models as torchtitan names them: by name and flavor.

Source: torchtitan 0.2.2 and 0.3 (torchtitan/models/*/__init__.py); llama2 was there until 0.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SCOUT_TEXT: Mapping[str, Any] = {
    "model_type": "llama4_text",
    "hidden_size": 5120,
    "num_hidden_layers": 48,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 8192,
    "intermediate_size_mlp": 16384,
    "num_local_experts": 16,
    "num_experts_per_tok": 1,
    "interleave_moe_layer_step": 1,
    "vocab_size": 202048,
    "tie_word_embeddings": False,
}
MAVERICK_TEXT: Mapping[str, Any] = {**SCOUT_TEXT, "num_local_experts": 128, "interleave_moe_layer_step": 2}
LLAMA3_DEBUG: Mapping[str, Any] = {
    "model_type": "llama",
    "hidden_size": 256,
    "num_hidden_layers": 6,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "intermediate_size": 768,
    "vocab_size": 2048,
    "tie_word_embeddings": False,
}
QWEN3_DEBUG: Mapping[str, Any] = {
    "model_type": "qwen3",
    "hidden_size": 256,
    "num_hidden_layers": 8,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 3072,
    "vocab_size": 2048,
    "tie_word_embeddings": True,
}
DEEPSEEK_DEBUG: Mapping[str, Any] = {
    "model_type": "deepseek_v3",
    "hidden_size": 256,
    "num_hidden_layers": 6,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "intermediate_size": 1024,
    "moe_intermediate_size": 256,
    "n_routed_experts": 8,
    "n_shared_experts": 2,
    "num_experts_per_tok": 3,
    "first_k_dense_replace": 1,
    "q_lora_rank": None,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "vocab_size": 2048,
    "tie_word_embeddings": False,
}

TORCHTITAN: Mapping[tuple[str, str], str | Mapping[str, Any]] = {
    ("llama2", "7B"): "meta-llama/Llama-2-7b-hf",
    ("llama2", "13B"): "meta-llama/Llama-2-13b-hf",
    ("llama2", "70B"): "meta-llama/Llama-2-70b-hf",
    ("llama3", "debugmodel"): LLAMA3_DEBUG,
    ("llama3", "1B"): "meta-llama/Llama-3.2-1B",
    ("llama3", "3B"): "meta-llama/Llama-3.2-3B",
    ("llama3", "8B"): "meta-llama/Llama-3.1-8B",
    ("llama3", "70B"): "meta-llama/Llama-3.1-70B",
    ("llama3", "405B"): "meta-llama/Llama-3.1-405B",
    ("llama4", "17bx16e"): SCOUT_TEXT,
    ("llama4", "17bx128e"): MAVERICK_TEXT,
    ("deepseek_v3", "debugmodel"): DEEPSEEK_DEBUG,
    ("deepseek_v3", "16B"): "deepseek-ai/DeepSeek-V2-Lite",
    ("deepseek_v3", "236B"): "deepseek-ai/DeepSeek-V2",
    ("deepseek_v3", "671B"): "deepseek-ai/DeepSeek-V3",
    ("gpt_oss", "20b"): "openai/gpt-oss-20b",
    ("gpt_oss", "120b"): "openai/gpt-oss-120b",
    ("qwen3", "debugmodel"): QWEN3_DEBUG,
    ("qwen3", "0.6B"): "Qwen/Qwen3-0.6B",
    ("qwen3", "1.7B"): "Qwen/Qwen3-1.7B",
    ("qwen3", "4B"): "Qwen/Qwen3-4B",
    ("qwen3", "8B"): "Qwen/Qwen3-8B",
    ("qwen3", "14B"): "Qwen/Qwen3-14B",
    ("qwen3", "32B"): "Qwen/Qwen3-32B",
    ("qwen3", "30B-A3B"): "Qwen/Qwen3-30B-A3B",
    ("qwen3", "235B-A22B"): "Qwen/Qwen3-235B-A22B",
    ("qwen3_5", "0.8B"): "Qwen/Qwen3.5-0.8B",
    ("qwen3_5", "2B"): "Qwen/Qwen3.5-2B",
    ("qwen3_5", "4B"): "Qwen/Qwen3.5-4B",
    ("qwen3_5", "9B"): "Qwen/Qwen3.5-9B",
    ("qwen3_5", "27B"): "Qwen/Qwen3.5-27B",
    ("qwen3_5", "35B-A3B"): "Qwen/Qwen3.5-35B-A3B",
    ("qwen3_5", "122B-A10B"): "Qwen/Qwen3.5-122B-A10B",
    ("qwen3_5", "397B-A17B"): "Qwen/Qwen3.5-397B-A17B",
    ("kimi_k2_7", "moonlight-16B-A3B"): "moonshotai/Moonlight-16B-A3B",
    ("kimi_k2_7", "Kimi-VL-A3B"): "moonshotai/Kimi-VL-A3B-Instruct",
    ("kimi_k2_7", "Kimi-K2.5"): "moonshotai/Kimi-K2.5",
}
"""`model.name` and `model.flavor`, and a hub id of the same shapes or, without one, config.json's keys."""

ATTENTION_FLAVORS = re.compile(r"(.+?)_(?:flex|varlen|irope|flex_attn|varlen_attn|non_fused_qkv)")
"""Flavors that differ from another in the attention kernel alone."""


def torchtitan_model(name: str, flavor: str) -> str | Mapping[str, Any] | None:
    """The hub id, or config.json's keys, of a model and flavor; None where unknown, as for image models."""
    found = TORCHTITAN.get((name, flavor))
    if found is None:
        variant = ATTENTION_FLAVORS.fullmatch(flavor)
        found = TORCHTITAN.get((name, variant[1])) if variant else None
    return found
