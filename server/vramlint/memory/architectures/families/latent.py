"""Families with latent attention: DeepSeek V2 to V3.2, Kimi K2, GLM 4.7 Flash, GLM-5, Mistral 4."""

from __future__ import annotations

from typing import Any

from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures.decoder_spec import Decoder
from vramlint.memory.architectures.families.common import Config, llama_kind, size
from vramlint.memory.architectures.families.expert_keys import sparse_layers
from vramlint.memory.architectures.families.moe import deepseek_mixture, mixed
from vramlint.memory.architectures.indexer import Indexer
from vramlint.memory.architectures.latent_attention import Latent


def deepseek(config: Config, router: str, style: str, query_rank: int | None, **habits: Any) -> Decoder:
    """Latent attention, and experts after the first dense layers."""
    latent = Latent(
        query_rank,
        size(config, "kv_lora_rank"),
        size(config, "qk_nope_head_dim"),
        size(config, "qk_rope_head_dim"),
        size(config, "v_head_dim"),
        style,
        bool(config.get("attention_bias", False)),
    )
    declared = llama_kind(
        config,
        attend=latent,
        kv_heads=size(config, "num_attention_heads"),
        head_size=latent.content + latent.position,
        rotary_size=latent.position,
        **habits,
    )
    return mixed(declared, deepseek_mixture(config, router), sparse_layers(config, len(declared.pattern)))


def deepseek_v2(config: Config) -> Decoder:
    """Softmax routing, complex rotary positions."""
    return deepseek(config, "softmax-fp32", "complex", config.get("q_lora_rank"))


def deepseek_v3(config: Config) -> Decoder:
    """Sigmoid routing with a correction, rotary positions in pairs."""
    return deepseek(
        config,
        "sigmoid",
        "pairs" if config.get("rope_interleave", True) else "half",
        config.get("q_lora_rank"),
    )


def deepseek_v32(config: Config) -> Decoder:
    """DeepSeek V3 whose layers each choose the keys that a query may see."""
    return indexed(config, ["full"] * size(config, "num_hidden_layers"), 64)


def glm_moe_dsa(config: Config) -> Decoder:
    """GLM-5: DeepSeek V3.2's attention; some layers take the choice of an earlier one."""
    count = size(config, "num_hidden_layers")
    types = config.get("indexer_types")
    if not isinstance(types, (list, tuple)):
        types = indexer_schedule(config, count)
    return indexed(config, list(types), 32)


def indexer_schedule(config: Config, count: int) -> list[str]:
    """Which layers choose by themselves, from a pattern of letters or from every n-th layer (transformers
    5.24, configuration_glm_moe_dsa.py).
    """
    pattern = config.get("index_topk_pattern")
    if isinstance(pattern, str):
        return ["full" if letter == "F" else "shared" for letter in pattern]
    every = max(config.get("index_topk_freq") or 1, 1)
    offset = config.get("index_skip_topk_offset", 2)
    return ["full" if max(index - offset + 1, 0) % every == 0 else "shared" for index in range(count)]


def indexed(config: Config, types: list[str], heads: int) -> Decoder:
    """DeepSeek V3 with an indexer in the layers that `types` calls full; dense in the first three."""
    declared = deepseek_v3({"first_k_dense_replace": 3, **config})
    indexer = Indexer(
        size(config, "index_n_heads", default=heads),
        size(config, "index_head_dim", default=128),
        size(config, "index_topk", default=2048),
    )
    made = {}
    for kind in set(declared.pattern):
        assert isinstance(kind.attend, Latent)
        own = replace(kind.attend, indexer=indexer)
        shared = replace(own, shared_mask=True)
        made[kind] = replace(kind, attend=own), replace(kind, attend=shared)
    pattern = [
        made[kind][types[index] != "full"] if index < len(types) else kind
        for index, kind in enumerate(declared.pattern)
    ]
    return replace(declared, pattern=tuple(pattern), approximate=True)


def mistral4(config: Config) -> Decoder:
    """Mistral 4: DeepSeek's attention and experts, softmax routing, queries scaled by their position."""
    declared = deepseek(
        config,
        "softmax-cast",
        "pairs" if config.get("rope_interleave", True) else "half",
        config.get("q_lora_rank", 1024),
    )
    made = {}
    for kind in set(declared.pattern):
        assert isinstance(kind.attend, Latent)
        made[kind] = replace(kind, attend=replace(kind.attend, scales=True))
    return replace(declared, pattern=tuple(made[kind] for kind in declared.pattern), approximate=True)
