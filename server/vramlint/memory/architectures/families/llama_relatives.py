"""Families of the Llama kind: RMSNorm, rotary positions, a gated MLP."""

from __future__ import annotations

from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures.decoder_spec import Decoder
from vramlint.memory.architectures.families.common import (
    Config,
    alternating,
    fraction,
    llama_kind,
    rotary_share,
    size,
)
from vramlint.memory.architectures.feed_forward import gated_fused, plain
from vramlint.memory.architectures.layers import parallel, post_norm, pre_norm_holding, sandwich_norm
from vramlint.memory.architectures.self_attention import fused_attention


def llama(config: Config) -> Decoder:
    """Llama itself."""
    return llama_kind(config)


def mistral(config: Config) -> Decoder:
    """Llama with an optional sliding window and no biases."""
    return llama_kind(config, window=config.get("sliding_window"))


def ministral3(config: Config) -> Decoder:
    """Mistral with heads of their own size and queries scaled by their position."""
    head = config.get("head_dim") or 128
    return llama_kind(config, window=config.get("sliding_window"), head_size=head, query_scale=True)


def qwen2(config: Config) -> Decoder:
    """Llama with biases on q, k, v; the window only where `use_sliding_window`."""
    window = config.get("sliding_window") if config.get("use_sliding_window") else None
    return llama_kind(config, qkv_bias=True, output_bias=False, window=window)


def qwen3(config: Config) -> Decoder:
    """Norms on each head's query and key; head_dim 128 where the config does not say."""
    return llama_kind(config, qk_norm="head", head_size=config.get("head_dim") or 128)


def gemma2(config: Config) -> Decoder:
    """Four norms in float32, soft caps on scores and logits, a window on every other layer, tied
    embeddings that are scaled.
    """
    declared = replace(
        gemma(config),
        arrange=sandwich_norm,
        activation=config.get("hidden_activation") or "gelu_pytorch_tanh",
        logit_cap=fraction(config, "final_logit_softcapping", 30.0) > 0,
        attention_cap=fraction(config, "attn_logit_softcapping", 50.0) > 0,
        no_sdpa=True,
    )
    return alternating(declared, config, config.get("sliding_window") or 4096, 2)


def phi3(config: Config) -> Decoder:
    """Fused projections, sliced; Phi-4 mini turns three quarters of each head."""
    share = rotary_share(config, 1.0)
    declared = llama_kind(
        config,
        attend=fused_attention,
        feed=gated_fused,
        window=config.get("sliding_window"),
        sliced_projections=True,
        hidden_dropout=fraction(config, "resid_pdrop"),
    )
    return replace(declared, rotary_size=int(declared.head_size * share) if share < 1 else None)


def gemma(config: Config) -> Decoder:
    """Norms in float32, GeGLU, tied embeddings that are scaled, head_dim 256."""
    return llama_kind(
        config,
        head_size=config.get("head_dim") or 256,
        norm="rms-fp32",
        activation="gelu_pytorch_tanh",
        tied=config.get("tie_word_embeddings", True),
        embedding_scale=True,
    )


def gemma3_text(config: Config) -> Decoder:
    """Gemma 2 without caps, with norms on query and key; five local layers to one global, each with rotary
    tables of its own.
    """
    declared = replace(
        gemma(config),
        arrange=sandwich_norm,
        activation=config.get("hidden_activation") or "gelu_pytorch_tanh",
        qk_norm="head",
        logit_cap=fraction(config, "final_logit_softcapping") > 0,
    )
    every = config.get("sliding_window_pattern") or 6
    return alternating(
        declared, config, config.get("sliding_window") or 4096, every, local_positions="local rotary"
    )


def stablelm(config: Config) -> Decoder:
    """LayerNorm, a quarter of each head turned, biases on q, k, v in version 2."""
    declared = llama_kind(
        config,
        norm="layer",
        norm_bias=True,
        arrange=parallel if config.get("use_parallel_residual") else pre_norm_holding,
        qkv_bias=bool(config.get("use_qkv_bias", False)),
        output_bias=False,
        qk_norm="each head" if config.get("qk_layernorm") else "",
    )
    return replace(declared, rotary_size=int(declared.head_size * rotary_share(config, 0.25)))


def cohere(config: Config) -> Decoder:
    """Attention and MLP side by side, a norm written out in float32, scaled logits; norms on query and key
    in Command R+.
    """
    return llama_kind(
        config,
        norm="mean",
        arrange=parallel,
        rotary="fp32",
        tied=config.get("tie_word_embeddings", True),
        qk_norm="each head" if config.get("use_qk_norm") else "",
    )


def cohere2(config: Config) -> Decoder:
    """Cohere with three local layers to one global, which has no positions."""
    declared = llama_kind(
        config,
        norm="mean",
        arrange=parallel,
        rotary="fp32",
        tied=config.get("tie_word_embeddings", True),
    )
    every = config.get("sliding_window_pattern") or 4
    return alternating(declared, config, config.get("sliding_window") or 4096, every, global_positions="")


def olmo(config: Config) -> Decoder:
    """A layer norm without weights, in float32."""
    return llama_kind(config, norm="layer-fp32", norm_weight=False, rotary="fp32-tables")


def olmo2(config: Config) -> Decoder:
    """Norms after each half, and on query and key over all heads."""
    return llama_kind(
        config,
        norm="rms-fp32",
        arrange=post_norm,
        norm_names=("post_attention_layernorm", "post_feedforward_layernorm"),
        rotary="fp32-tables",
        qk_norm="width",
    )


def olmo3(config: Config) -> Decoder:
    """OLMo 2 with three local layers to one global."""
    return alternating(olmo2(config), config, config.get("sliding_window") or 4096, 4)


def granite(config: Config) -> Decoder:
    """Llama with scaled embeddings, residuals and logits."""
    return llama_kind(config, embedding_scale=True, residual_scale=True)


def glm(config: Config) -> Decoder:
    """Half of each head turned in pairs, gate and up fused, biases on q, k, v only."""
    declared = llama_kind(config, feed=gated_fused, output_bias=False, rotary="pairs")
    return replace(declared, rotary_size=int(declared.head_size * rotary_share(config, 0.5)))


def glm4(config: Config) -> Decoder:
    """GLM with four norms a layer."""
    names = ("input_layernorm", "post_self_attn_layernorm", "post_attention_layernorm", "post_mlp_layernorm")
    return replace(glm(config), arrange=sandwich_norm, norm_names=names)


def smollm3(config: Config) -> Decoder:
    """Llama with every fourth layer without positions."""
    declared = llama_kind(config, tied=config.get("tie_word_embeddings", True))
    kind, turns = declared.pattern[0], config.get("no_rope_layers")
    if not isinstance(turns, (list, tuple)) or len(turns) < len(declared.pattern):
        every = config.get("no_rope_layer_interval") or 4
        turns = [(index + 1) % every for index in range(len(declared.pattern))]
    window = config.get("sliding_window") if config.get("use_sliding_window") else None
    kinds = (replace(kind, window=window), replace(kind, positions="", window=window))
    return replace(
        declared, pattern=tuple(kinds[0] if turn else kinds[1] for turn in turns[: len(declared.pattern)])
    )


def seed_oss(config: Config) -> Decoder:
    """Llama with biases on q, k, v and dropout after each half."""
    return llama_kind(
        config,
        output_bias=bool(config.get("attention_out_bias", False)),
        hidden_dropout=fraction(config, "residual_dropout", 0.1),
        attention_dropout=fraction(config, "attention_dropout", 0.1),
    )


def exaone4(config: Config) -> Decoder:
    """Norms after each half and on query and key; the large one has three local layers to one global
    without positions.
    """
    declared = llama_kind(
        config,
        arrange=post_norm,
        norm_names=("post_attention_layernorm", "post_feedforward_layernorm"),
        qk_norm="head",
    )
    window = config.get("sliding_window")
    pattern = config.get("sliding_window_pattern")
    if not window:
        return declared
    every = len(pattern) if isinstance(pattern, str) else pattern or 4
    return alternating(declared, config, window, every, global_positions="")


def ernie4_5(config: Config) -> Decoder:
    """Heads turned in pairs, in float32."""
    biased = bool(config.get("use_bias", False))
    return llama_kind(
        config,
        rotary="pairs-fp32",
        tied=config.get("tie_word_embeddings", True),
        qkv_bias=biased,
        output_bias=biased,
        mlp_bias=biased,
    )


def hunyuan_v1_dense(config: Config) -> Decoder:
    """Norms on query and key after they are turned."""
    return llama_kind(config, qk_norm="turned")


def internlm2(config: Config) -> Decoder:
    """Llama with one fused projection and other names (remote code)."""
    biased = bool(config.get("bias", False))
    names = {
        "self_attn.qkv_proj": "attention.wqkv",
        "self_attn.o_proj": "attention.wo",
        "mlp.gate_proj": "feed_forward.w1",
        "mlp.up_proj": "feed_forward.w3",
        "mlp.down_proj": "feed_forward.w2",
    }
    return llama_kind(config, attend=fused_attention, qkv_bias=biased, output_bias=biased, names=names)


def baichuan(config: Config) -> Decoder:
    """Llama with one fused projection (remote code); the 13B kind has linear biases instead of rotary
    positions.
    """
    hidden = size(config, "hidden_size")
    return llama_kind(
        config,
        attend=fused_attention,
        positions="rotary" if hidden < 5120 else "",
        names={"self_attn.qkv_proj": "self_attn.W_pack"},
    )


def qwen(config: Config) -> Decoder:
    """The first Qwen (remote code): a fused projection with a bias, MLP branches of half the declared
    width where it is declared doubled.
    """
    inner = size(config, "intermediate_size")
    hidden = size(config, "hidden_size")
    doubled = inner > 4 * hidden
    return llama_kind(
        config,
        attend=fused_attention,
        intermediate=inner // 2 if doubled else inner,
        qkv_bias=True,
        output_bias=False,
        names={
            "self_attn.qkv_proj": "attn.c_attn",
            "self_attn.o_proj": "attn.c_proj",
            "mlp.gate_proj": "mlp.w2",
            "mlp.up_proj": "mlp.w1",
            "mlp.down_proj": "mlp.c_proj",
        },
    )


def arcee(config: Config) -> Decoder:
    """Llama with a plain squared-relu MLP."""
    return llama_kind(config, feed=plain, activation="relu2")


def minicpm(config: Config) -> Decoder:
    """Llama with scaled embeddings, residuals and logits (remote code)."""
    return llama_kind(config, embedding_scale=True, residual_scale=True)


def exaone(config: Config) -> Decoder:
    """Llama under other names (remote code of EXAONE 3)."""
    names = {f"self_attn.{name}_proj": f"attn.attention.{name}_proj" for name in "qkv"}
    names |= {"self_attn.o_proj": "attn.attention.out_proj", "mlp.gate_proj": "mlp.c_fc_0"}
    return llama_kind(config, names=names | {"mlp.up_proj": "mlp.c_fc_1", "mlp.down_proj": "mlp.c_proj"})


def mimo(config: Config) -> Decoder:
    """Llama with biases on q, k, v (remote code of MiMo, its extra prediction layer left out)."""
    return llama_kind(config, qkv_bias=True, output_bias=False)


def chatglm(config: Config) -> Decoder:
    """ChatGLM 2 and 3 and GLM-4's remote code: fused projections, half of each head turned in pairs."""
    names = {
        "self_attn.qkv_proj": "self_attention.query_key_value",
        "self_attn.o_proj": "self_attention.dense",
    }
    declared = llama_kind(
        config,
        attend=fused_attention,
        feed=gated_fused,
        qkv_bias=True,
        output_bias=False,
        rotary="pairs",
        names=names | {"mlp.gate_up_proj": "mlp.dense_h_to_4h", "mlp.down_proj": "mlp.dense_4h_to_h"},
    )
    return replace(declared, rotary_size=declared.head_size // 2)
