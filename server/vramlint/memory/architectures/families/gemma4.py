"""Gemma 4's text model."""

from __future__ import annotations

from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures.decoder_spec import Decoder
from vramlint.memory.architectures.experts import Mixture
from vramlint.memory.architectures.families.common import Config, fraction, llama_kind, size
from vramlint.memory.architectures.feed_forward import gated
from vramlint.memory.architectures.gemma4 import Gemma4Inputs, Gemma4Layer, SharingAttention, Wide

LOCAL, GLOBAL = "local rotary", "rotary"


def layer_types(config: Config, count: int) -> list[str]:
    """Which layers attend to a window: all but every sixth, where the config does not say; the last never
    does.
    """
    types = list(config.get("layer_types") or ())
    if len(types) < count:
        types = ["sliding_attention" if (index + 1) % 6 else "full_attention" for index in range(count)]
    return [*types[: count - 1], "full_attention"]


def gemma4_text(config: Config) -> Decoder:
    """Wider heads in the global layers; the last layers take keys and values of earlier ones; small models
    have inputs of each layer's own, a large one experts beside the MLP.
    """
    count = size(config, "num_hidden_layers", default=30)
    experts = None
    if config.get("enable_moe_block"):
        experts = Mixture(
            size(config, "num_experts"),
            size(config, "top_k_experts"),
            size(config, "moe_intermediate_size"),
            activation=config.get("hidden_activation") or "gelu_pytorch_tanh",
            linear_router=True,
            modules=(),
            prefix="layer",
            router_name="router.proj",
        )
    own = config.get("hidden_size_per_layer_input", 256) or 0
    local, whole = sharing(config, False), sharing(config, True)
    declared = llama_kind(
        {**config, "num_hidden_layers": count},
        arrange=Gemma4Layer(own, experts),
        head_size=local.size,
        norm="rms-fp32",
        activation=config.get("hidden_activation") or "gelu_pytorch_tanh",
        tied=bool(config.get("tie_word_embeddings", True)),
        embedding_scale=True,
        logit_cap=fraction(config, "final_logit_softcapping") > 0,
        rotary_sizes={LOCAL: local.size, GLOBAL: whole.size},
    )
    window = config.get("sliding_window") or 512
    first = count - (config.get("num_kv_shared_layers") or 0)
    wide = Wide(2) if config.get("use_double_wide_mlp") else gated
    kind, pattern = declared.pattern[0], []
    for index, name in enumerate(layer_types(config, count)):
        sliding, takes = name == "sliding_attention", index >= first
        pattern.append(
            replace(
                kind,
                attend=replace(local if sliding else whole, takes=takes),
                feed=wide if takes else gated,
                window=window if sliding else None,
                positions=LOCAL if sliding else GLOBAL,
            )
        )
    shared = [(LOCAL, local.kv_heads, local.size), (GLOBAL, whole.kv_heads, whole.size)]
    words = size(config, "vocab_size_per_layer_input", default=declared.vocabulary)
    prepare = Gemma4Inputs(words, own, count, tuple(shared) if first < count else ())
    return replace(declared, pattern=tuple(pattern), prepare=prepare)


def sharing(config: Config, whole: bool) -> SharingAttention:
    """Attention of the local layers, or of those that see the whole sequence (configuration_gemma4.py)."""
    heads = size(config, "num_key_value_heads", default=4)
    if not whole:
        return SharingAttention(size(config, "head_dim", default=256), heads)
    one = bool(config.get("attention_k_eq_v", False))
    wide = size(config, "global_head_dim", default=512)
    return SharingAttention(
        wide, (config.get("num_global_key_value_heads") or heads) if one else heads, one_projection=one
    )
