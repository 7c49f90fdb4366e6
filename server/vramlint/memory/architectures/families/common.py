"""Reading config.json: sizes under whatever key a family has for them, and the declaration most families
start from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures.decoder_spec import AttentionBuilder, Decoder, FeedBuilder, LayerKind
from vramlint.memory.architectures.feed_forward import gated
from vramlint.memory.architectures.layers import pre_norm
from vramlint.memory.architectures.self_attention import self_attention
from vramlint.memory.estimate import CannotEstimate

Config = Mapping[str, Any]


def size(config: Config, *names: str, default: int | None = None) -> int:
    """The first of the keys that is there, as a positive integer; the class's default where it has one."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    if default is not None:
        return default
    raise CannotEstimate("incomplete-config", f"the model's config has no {names[0]}")


def fraction(config: Config, key: str, default: float = 0.0) -> float:
    """A number that may be missing or null."""
    value = config.get(key)
    return float(value) if isinstance(value, (int, float)) else default


def llama_kind(
    config: Config,
    attend: AttentionBuilder = self_attention,
    feed: FeedBuilder = gated,
    window: int | None = None,
    positions: str = "rotary",
    **habits: Any,
) -> Decoder:
    """Pre-norm, RMSNorm, rotary, gated MLP: Llama and its many relatives. `habits` are fields of `Decoder`
    in which a family differs.
    """
    hidden = size(config, "hidden_size", "n_embd", "d_model")
    heads = size(config, "num_attention_heads", "n_head", "n_heads")
    layers = size(config, "num_hidden_layers", "n_layer", "n_layers", "num_layers")
    given: dict[str, Any] = {
        "hidden": hidden,
        "heads": heads,
        "kv_heads": config.get("num_key_value_heads") or heads,
        "head_size": config.get("head_dim") or hidden // heads,
        "vocabulary": size(config, "vocab_size"),
        "arrange": pre_norm,
        "pattern": (LayerKind(attend, feed, window, positions),) * layers,
        "tied": bool(config.get("tie_word_embeddings", False)),
        "qkv_bias": bool(config.get("attention_bias", False)),
        "output_bias": bool(config.get("attention_bias", False)),
        "mlp_bias": bool(config.get("mlp_bias", False)),
        "attention_dropout": fraction(config, "attention_dropout"),
    }
    if "intermediate" not in habits:
        given["intermediate"] = size(config, "intermediate_size", "n_inner", "ffn_dim")
    return Decoder(**{**given, **habits})


def alternating(
    decoder: Decoder,
    config: Config,
    window: int | None,
    every: int,
    global_positions: str = "rotary",
    local_positions: str = "rotary",
) -> Decoder:
    """Sliding windows on all layers but those that `layer_types` calls full, or else every `every`-th."""
    kind, count = decoder.pattern[0], len(decoder.pattern)
    types = config.get("layer_types")
    if not isinstance(types, (list, tuple)) or len(types) < count:
        types = [
            "full_attention" if (index + 1) % every == 0 else "sliding_attention" for index in range(count)
        ]
    local, whole = (
        replace(kind, window=window, positions=local_positions),
        replace(kind, window=None, positions=global_positions),
    )
    return replace(
        decoder, pattern=tuple(local if name == "sliding_attention" else whole for name in types[:count])
    )


def rotary_share(config: Config, default: float) -> float:
    """The part of each head that positions turn; newer configs keep it among the rotary parameters."""
    nested = config.get("rope_parameters")
    if isinstance(nested, Mapping) and isinstance(nested.get("partial_rotary_factor"), (int, float)):
        return float(nested["partial_rotary_factor"])
    return fraction(config, "partial_rotary_factor", default)
