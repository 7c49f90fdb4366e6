"""The model that a GPT-NeoX file describes (model/transformer.py, tokenizer/tokenizer.py in megatron/)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Context, Obstacle
from vramlint.dialects.kit.reader import Reader, boolean, number, positive, sequence, text
from vramlint.dialects.kit.reading import unmodelled
from vramlint.lazy_dataclasses import replace

NEOX = "gpt_neox_megatron"
"""The model type of what GPT-NeoX builds."""
_SIZES = ("num_layers", "hidden_size", "num_attention_heads")
_GATED = ("geglu", "reglu", "swiglu", "bilinear", "glu")
_VOCABULARIES: Mapping[str, int] = {
    "GPT2BPETokenizer": 50257,
    "HFGPT2Tokenizer": 50257,
    "CharLevelTokenizer": 512,
}
"""Words by the tokenizer alone."""
_NEOX_20B = 50277
"""Words of the tokenizer of the Pile (20B_tokenizer.json), with which GPT-NeoX's own models were trained."""
_MULTIPLE = 256
"""Of which the feed-forward's width is a multiple (ParallelMLP)."""


def read_model(reader: Reader, context: Context) -> Model | Obstacle:
    """The model of the sizes that the file states; or what it leaves open."""
    for name in _SIZES:
        if reader.get(name, positive) is None:
            return Obstacle("no-model", f"no model: {name} is not set")
    kinds = attention_kinds(reader)
    for path, value, why in (
        ("attention_config", kinds - {"global", "flash"}, "other layers than attention are not modelled"),
        ("moe_num_experts", (reader.get("moe_num_experts", positive) or 1) > 1, "experts are not modelled"),
        ("norm", reader.get("norm", text) in ("scalenorm",), "this norm is not modelled"),
    ):
        if value:
            return unmodelled(reader, path, why)
    vocabulary = _vocabulary(reader)
    if isinstance(vocabulary, Obstacle):
        return vocabulary
    found = context.catalog.from_config(_config(reader, vocabulary), "GPT-NeoX")
    if found is None:
        return Obstacle("no-model", "no model: its sizes are not set")
    reader.written("model", "hidden_size")
    return replace(found, title=f"GPT-NeoX, {found.config['hidden_size']} wide")


def attention_kinds(reader: Reader) -> set[str]:
    """The kinds of attention of `attention_config`, as in [[["flash"], 24]]; global where it is unset."""
    given = reader.get("attention_config", sequence) or ()
    rows = [row[0] if isinstance(row, list) and row else row for row in given]
    flat = [name for row in rows for name in (row if isinstance(row, list) else [row])]
    return {name for name in flat if isinstance(name, str)} or {"global"}


def _config(reader: Reader, vocabulary: int) -> dict[str, Any]:
    """config.json's words for the file's."""
    hidden = reader.get("hidden_size", positive) or 0
    position = reader.get("pos_emb", text) or "learned"
    learned = reader.get("max_position_embeddings", positive) or reader.get("seq_length", positive)
    share = reader.get("rotary_pct", number)
    gated = reader.get("activation", text) in _GATED
    biases = {
        name: reader.get(f"use_bias_in_{name}", boolean) is not False
        for name in ("norms", "attn_linear", "mlp")
    }
    return {
        "model_type": NEOX,
        "hidden_size": hidden,
        "num_hidden_layers": reader.get("num_layers", positive),
        "num_attention_heads": reader.get("num_attention_heads", positive),
        "num_key_value_heads": reader.get("num_kv_heads", positive),
        "intermediate_size": _feed_forward(reader, hidden, gated),
        "gated": gated,
        "vocab_size": vocabulary,
        "rotary_pct": (1.0 if share is None else share) if position == "rotary" else 0.0,
        "learned_positions": learned if position == "learned" else 0,
        "alibi": position == "alibi",
        "norm": "rms" if reader.get("norm", text) == "rmsnorm" else "layer",
        "norm_bias": biases["norms"],
        "attention_bias": biases["attn_linear"],
        "mlp_bias": biases["mlp"],
        "use_parallel_residual": reader.get("gpt_j_residual", boolean) is True,
        "one_norm": reader.get("gpt_j_tied", boolean) is True,
        "tie_word_embeddings": reader.get("no_weight_tying", boolean) is not True,
        "hidden_dropout": reader.get("hidden_dropout", number) or 0.0,
        "attention_dropout": reader.get("attention_dropout", number) or 0.0,
        "dtype": "float32",
    }


def _feed_forward(reader: Reader, hidden: int, gated: bool) -> int:
    """Width after the activation: gated ones are made as large as plain ones, in multiples of 256."""
    width = reader.get("intermediate_size", positive)
    if width is None:
        width = int((reader.get("expansion_factor", number) or 4) * hidden)
    if not gated:
        return -(-width // (2 * _MULTIPLE)) * 2 * _MULTIPLE
    return -(-(int(width * 2 / 3) // 2) // _MULTIPLE) * _MULTIPLE


def _vocabulary(reader: Reader) -> int | Obstacle:
    """Rows of the embedding: the tokenizer's words, rounded up (_vocab_size_with_padding)."""
    kind = reader.get("tokenizer_type", text) or "GPT2BPETokenizer"
    words = _VOCABULARIES.get(kind)
    file = reader.get("vocab_file", text)
    if kind == "HFTokenizer" and (file is None or re.search(r"20B_tokenizer", file)):
        words = _NEOX_20B
    if words is None:
        path = "vocab_file" if file else "tokenizer_type"
        return unmodelled(reader, path, "the vocabulary is the tokenizer's, and its size is not in the file")
    step = reader.get("make_vocab_size_divisible_by", positive) or 128
    step *= reader.get("model_parallel_size", positive) or 1
    return -(-words // step) * step
