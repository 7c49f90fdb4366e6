"""Families whose layers mix tokens by other means than attention on most layers."""

from __future__ import annotations

from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures.decoder_spec import Decoder
from vramlint.memory.architectures.experts import Mixture
from vramlint.memory.architectures.families.common import Config, llama_kind, size
from vramlint.memory.architectures.feed_forward import gated
from vramlint.memory.architectures.short_convolution import ShortConvolution

LFM2_NAMES = {
    "self_attn.o_proj": "self_attn.out_proj",
    "self_attn.q_norm": "self_attn.q_layernorm",
    "self_attn.k_norm": "self_attn.k_layernorm",
    "mlp.gate_proj": "feed_forward.w1",
    "mlp.up_proj": "feed_forward.w3",
    "mlp.down_proj": "feed_forward.w2",
}


def lfm2(config: Config) -> Decoder:
    """Short gated convolutions on most layers, attention with normed heads on the others."""
    inner = size(config, "intermediate_size", "block_ff_dim")
    if config.get("block_auto_adjust_ff_dim", True) and config.get("model_type") != "lfm2_moe":
        multiple = config.get("block_multiple_of") or 256
        inner = int((config.get("block_ffn_dim_multiplier") or 1.0) * int(2 * inner / 3))
        inner = multiple * -(-inner // multiple)
    names = ("operator_norm", "ffn_norm")
    declared = llama_kind(
        config,
        intermediate=inner,
        qk_norm="head",
        names=LFM2_NAMES,
        norm_names=names,
        tied=bool(config.get("tie_word_embeddings", True)),
    )
    attends = declared.pattern[0]
    mixer = ShortConvolution(config.get("conv_L_cache") or 3, bool(config.get("conv_bias")))
    convolves = replace(attends, attend=mixer, positions="")
    types = config.get("layer_types") or ["full_attention"] * len(declared.pattern)
    return replace(
        declared,
        pattern=tuple(convolves if kind == "conv" else attends for kind in types[: len(declared.pattern)]),
    )


def lfm2_moe(config: Config) -> Decoder:
    """LFM2 with experts after the first dense layers."""
    declared = lfm2({**config, "model_type": "lfm2_moe"})
    mixture = Mixture(
        size(config, "num_experts"),
        size(config, "num_experts_per_tok"),
        size(config, "moe_intermediate_size"),
        router="sigmoid-logits",
        modules=(),
        prefix="feed_forward",
        router_name="feed_forward.gate",
    )
    dense = config.get("num_dense_layers") or 0
    made = {kind: replace(kind, feed=mixture) for kind in set(declared.pattern)}
    pattern = [
        replace(kind, feed=gated) if index < dense else made[kind]
        for index, kind in enumerate(declared.pattern)
    ]
    return replace(declared, pattern=tuple(pattern))
