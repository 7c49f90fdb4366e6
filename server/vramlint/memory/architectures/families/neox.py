"""What GPT-NeoX builds of its options (May 2026, megatron/model/transformer.py)."""

from __future__ import annotations

from vramlint.memory.architectures.decoder_spec import Decoder
from vramlint.memory.architectures.families.classic import NEOX_NAMES
from vramlint.memory.architectures.families.common import Config, fraction, llama_kind, size
from vramlint.memory.architectures.feed_forward import gated, plain
from vramlint.memory.architectures.layers import parallel_sum_first, parallel_two_norms, pre_norm
from vramlint.memory.architectures.self_attention import fused_attention


def gpt_neox_megatron(config: Config) -> Decoder:
    """Attention and MLP side by side or one after the other, on one norm or two; norms, positions and biases
    as the options say.
    """
    hidden, heads = size(config, "hidden_size"), size(config, "num_attention_heads")
    turned = int(hidden // heads * fraction(config, "rotary_pct"))
    beside = parallel_sum_first if config.get("one_norm") else parallel_two_norms
    biased = bool(config.get("attention_bias", True))
    return llama_kind(
        config,
        attend=fused_attention,
        feed=gated if config.get("gated") else plain,
        positions="rotary" if turned else "",
        norm=config.get("norm") or "layer",
        norm_bias=bool(config.get("norm_bias", True)) and config.get("norm") != "rms",
        arrange=beside if config.get("use_parallel_residual") else pre_norm,
        qkv_bias=biased,
        output_bias=biased,
        mlp_bias=bool(config.get("mlp_bias", True)),
        activation="silu" if config.get("gated") else "gelu",
        rotary_size=turned or None,
        learned_positions=config.get("learned_positions") or 0,
        alibi=bool(config.get("alibi", False)),
        tied=bool(config.get("tie_word_embeddings", True)),
        hidden_dropout=fraction(config, "hidden_dropout"),
        embedding_dropout=fraction(config, "hidden_dropout"),
        names=NEOX_NAMES,
    )
