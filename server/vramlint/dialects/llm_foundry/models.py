"""The models that LLM Foundry's files name or build (0.22.0, models/mpt/configuration_mpt.py,
models/hf/hf_base.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Context, Obstacle
from vramlint.dialects.kit.reader import Reader, boolean, mapping, number, positive, text
from vramlint.dialects.kit.reading import find_model, unmodelled
from vramlint.lazy_dataclasses import replace

MPT = "mpt_foundry"
"""The model type of MPT as LLM Foundry builds it."""
_BUILT = ("mpt_causal_lm",)
_LOADED = ("hf_causal_lm",)


def read_model(reader: Reader, context: Context) -> Model | Obstacle:
    """The model that the section `model` builds or loads."""
    kind = reader.get("model.name", text)
    if kind in _BUILT:
        return _built(reader, context)
    if kind not in _LOADED:
        return unmodelled(reader, "model.name", f"{kind or 'without one, the model'} is not modelled")
    found = find_model(reader, context, "model.pretrained_model_name_or_path")
    if not isinstance(found, Model):
        return found
    overrides = reader.get("model.config_overrides", mapping) or {}
    plain = {name: value for name, value in overrides.items() if not isinstance(value, Mapping)}
    found = replace(found, config={**found.config, **plain})
    return _foundry_class(found, overrides) if found.model_type == "mpt" else found


def _foundry_class(model: Model, overrides: Mapping[str, Any]) -> Model:
    """MPT of the hub came with LLM Foundry's class; 0.18 and later refuse it."""
    given = overrides.get("attn_config")
    attention = given if isinstance(given, Mapping) else {}
    config = {
        **model.config,
        "model_type": MPT,
        "learned_pos_emb": False,
        "no_bias": True,
        "alibi": attention.get("attn_impl", "torch") == "torch",
    }
    return replace(model, model_type=MPT, config=config)


def _built(reader: Reader, context: Context) -> Model | Obstacle:
    """MPT of the sizes that the section states."""
    feed = reader.get("model.ffn_config.ffn_type", text) or "mptmlp"
    if feed not in ("mptmlp", "mptglu"):
        return unmodelled(reader, "model.ffn_config.ffn_type", f"{feed} is not modelled")
    if reader.has("model.block_overrides"):
        return unmodelled(reader, "model.block_overrides", "layers that differ are not modelled")
    width = reader.get("model.d_model", positive) or 2048
    positions = {
        name: boolean(reader.raw(f"model.attn_config.{name}")) or False for name in ("alibi", "rope")
    }
    learned = reader.get("model.learned_pos_emb", boolean)
    tied = reader.get("model.tie_word_embeddings", boolean)
    ratio = reader.get("model.expansion_ratio", number) or 4
    found = context.catalog.from_config(
        {
            "model_type": MPT,
            "hidden_size": width,
            "num_attention_heads": reader.get("model.n_heads", positive) or 16,
            "num_key_value_heads": _key_value_heads(reader),
            "head_dim": reader.get("model.head_dim", positive),
            "num_hidden_layers": reader.get("model.n_layers", positive) or 24,
            "vocab_size": reader.get("model.vocab_size", positive) or 50368,
            "intermediate_size": reader.get("model.ffn_config.ffn_hidden_size", positive)
            or int(ratio * width),
            "max_position_embeddings": reader.get("model.max_seq_len", positive) or 2048,
            "learned_pos_emb": learned is not False and not any(positions.values()),
            "rope": positions["rope"],
            "alibi": positions["alibi"] and reader.get("model.attn_config.attn_impl", text) == "torch",
            "gated": feed == "mptglu",
            "no_bias": reader.get("model.no_bias", boolean) or False,
            "tie_word_embeddings": tied is not False,
            "dtype": "float32",
        },
        "MPT",
    )
    if found is None:
        return Obstacle("no-model", "model: no sizes are set", ("model",))
    reader.written("model", "model.d_model" if reader.has("model.d_model") else "model.name")
    return replace(found, title=f"MPT, {width} wide")


def _key_value_heads(reader: Reader) -> int | None:
    """Heads of keys and values: one for all queries, or groups of them (models/layers/attention.py)."""
    kind = reader.get("model.attn_config.attn_type", text)
    if kind == "multiquery_attention":
        return 1
    return reader.get("model.attn_config.kv_n_heads", positive) if kind == "grouped_query_attention" else None
