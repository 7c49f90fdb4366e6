"""Families from before Llama: LayerNorm with biases, fused projections, plain feed-forwards, learned
positions.
"""

from __future__ import annotations

from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures.decoder_spec import Arrangement, Decoder
from vramlint.memory.architectures.families.common import Config, fraction, llama_kind, rotary_share, size
from vramlint.memory.architectures.feed_forward import plain
from vramlint.memory.architectures.layers import (
    falcon_one_norm,
    falcon_two_norms,
    parallel_sum_first,
    parallel_two_norms,
    post_sum,
    pre_norm,
    pre_norm_holding,
)
from vramlint.memory.architectures.self_attention import fused_attention

GPT2_NAMES = {
    "self_attn.qkv_proj": "attn.c_attn",
    "self_attn.o_proj": "attn.c_proj",
    "mlp.up_proj": "mlp.c_fc",
    "mlp.down_proj": "mlp.c_proj",
}
NEOX_NAMES = {
    "self_attn.qkv_proj": "attention.query_key_value",
    "self_attn.o_proj": "attention.dense",
    "mlp.up_proj": "mlp.dense_h_to_4h",
    "mlp.down_proj": "mlp.dense_4h_to_h",
}


def gpt2(config: Config) -> Decoder:
    """Learned positions, LayerNorm, fused qkv, gelu written out, dropout everywhere."""
    return llama_kind(
        config,
        attend=fused_attention,
        feed=plain,
        positions="",
        intermediate=config.get("n_inner") or 4 * size(config, "n_embd", "hidden_size"),
        tied=config.get("tie_word_embeddings", True),
        norm="layer",
        norm_bias=True,
        norm_names=("ln_1", "ln_2"),
        qkv_bias=True,
        output_bias=True,
        mlp_bias=True,
        activation=config.get("activation_function") or "gelu_new",
        learned_positions=config.get("n_positions") or config.get("max_position_embeddings") or 1024,
        attention_dropout=fraction(config, "attn_pdrop", 0.1),
        hidden_dropout=fraction(config, "resid_pdrop", 0.1),
        embedding_dropout=fraction(config, "embd_pdrop", 0.1),
        softmax_fp32=False,
        names=GPT2_NAMES,
    )


def gpt_neox(config: Config) -> Decoder:
    """Rotary on a quarter of each head, attention and MLP side by side on two norms."""
    hidden, heads = size(config, "hidden_size"), size(config, "num_attention_heads")
    biased = bool(config.get("attention_bias", True))
    return llama_kind(
        config,
        attend=fused_attention,
        feed=plain,
        norm="layer",
        norm_bias=True,
        arrange=parallel_two_norms if config.get("use_parallel_residual", True) else pre_norm,
        qkv_bias=biased,
        output_bias=biased,
        mlp_bias=True,
        activation=config.get("hidden_act") or "gelu",
        rotary_size=int(hidden // heads * fraction(config, "rotary_pct", 0.25)),
        hidden_dropout=fraction(config, "hidden_dropout"),
        embedding_dropout=fraction(config, "hidden_dropout"),
        names=NEOX_NAMES,
    )


PHI_NAMES = {"self_attn.o_proj": "self_attn.dense", "mlp.up_proj": "mlp.fc1", "mlp.down_proj": "mlp.fc2"}


def phi(config: Config) -> Decoder:
    """Phi 1, 1.5 and 2: attention and MLP side by side on one LayerNorm, half of each head turned, biases
    everywhere.
    """
    declared = llama_kind(
        config,
        feed=plain,
        norm="layer",
        norm_bias=True,
        arrange=parallel_sum_first,
        qkv_bias=True,
        output_bias=True,
        mlp_bias=True,
        head_bias=True,
        activation=config.get("hidden_act") or "gelu_new",
        hidden_dropout=fraction(config, "resid_pdrop"),
        embedding_dropout=fraction(config, "embd_pdrop"),
        names=PHI_NAMES,
    )
    return replace(declared, rotary_size=int(declared.head_size * rotary_share(config, 0.5)))


def opt(config: Config) -> Decoder:
    """Learned positions, LayerNorm before each half (after it in 350m), relu, dropout; 350m embeds in half
    the width.
    """
    hidden = size(config, "hidden_size")
    first = bool(config.get("do_layer_norm_before", True))
    biased = bool(config.get("enable_bias", True))
    width = config.get("word_embed_proj_dim") or hidden
    return llama_kind(
        config,
        feed=plain,
        positions="",
        intermediate=size(config, "ffn_dim"),
        tied=config.get("tie_word_embeddings", True),
        norm="layer",
        norm_bias=True,
        norm_names=("self_attn_layer_norm", "final_layer_norm"),
        arrange=pre_norm if first else post_sum,
        final_norm=first and not config.get("_remove_final_layer_norm"),
        qkv_bias=biased,
        output_bias=biased,
        mlp_bias=biased,
        activation=config.get("activation_function") or "relu",
        hidden_dropout=fraction(config, "dropout", 0.1),
        learned_positions=size(config, "max_position_embeddings", default=2048) + 2,
        positions_by_row=True,
        query_scale=True,
        embedding_width=width,
        names={"self_attn.o_proj": "self_attn.out_proj", "mlp.up_proj": "fc1", "mlp.down_proj": "fc2"},
    )


def starcoder2(config: Config) -> Decoder:
    """LayerNorm, separate projections with biases, a plain gelu MLP, a sliding window."""
    biased = bool(config.get("use_bias", True))
    return llama_kind(
        config,
        feed=plain,
        window=config.get("sliding_window"),
        tied=config.get("tie_word_embeddings", True),
        norm="layer",
        norm_bias=True,
        qkv_bias=biased,
        output_bias=biased,
        mlp_bias=biased,
        activation=config.get("hidden_act") or "gelu_pytorch_tanh",
        hidden_dropout=fraction(config, "residual_dropout"),
        embedding_dropout=fraction(config, "embedding_dropout"),
        names={"mlp.up_proj": "mlp.c_fc", "mlp.down_proj": "mlp.c_proj"},
    )


def nemotron(config: Config) -> Decoder:
    """LayerNorm in autocast's dtype, a plain squared-relu MLP, half of each head turned."""
    declared = llama_kind(config, feed=plain, norm="layer-autocast", norm_bias=True, activation="relu2")
    return replace(declared, rotary_size=int(declared.head_size * rotary_share(config, 0.5)))


def gpt_bigcode(config: Config) -> Decoder:
    """GPT-2 with one key and value head (StarCoder 1, SantaCoder)."""
    declared = gpt2(config)
    return replace(
        declared,
        kv_heads=1 if config.get("multi_query", True) else declared.heads,
        activation=config.get("activation_function") or config.get("hidden_act") or "gelu_pytorch_tanh",
        softmax_fp32=True,
        buffer_bytes=declared.learned_positions**2,
        returns_projection=True,
    )


def gptj(config: Config) -> Decoder:
    """Attention and MLP side by side, an eighth of each head turned, scores in float32, no other attention
    than its own.
    """
    hidden = size(config, "n_embd", "hidden_size")
    return llama_kind(
        config,
        feed=plain,
        intermediate=config.get("n_inner") or 4 * hidden,
        arrange=parallel_sum_first,
        norm="layer",
        norm_bias=True,
        norm_names=("ln_1",),
        qkv_bias=False,
        output_bias=False,
        mlp_bias=True,
        head_bias=True,
        activation=config.get("activation_function") or "gelu_new",
        rotary="pairs",
        rotary_size=config.get("rotary_dim") or 64,
        attention_dropout=fraction(config, "attn_pdrop"),
        hidden_dropout=fraction(config, "resid_pdrop"),
        embedding_dropout=fraction(config, "embd_pdrop"),
        scores_fp32=True,
        softmax_fp32=False,
        no_sdpa=True,
        names={
            "self_attn.q_proj": "attn.q_proj",
            "self_attn.k_proj": "attn.k_proj",
            "self_attn.v_proj": "attn.v_proj",
        }
        | {"self_attn.o_proj": "attn.out_proj", "mlp.up_proj": "mlp.fc_in", "mlp.down_proj": "mlp.fc_out"},
    )


def bloom(config: Config) -> Decoder:
    """Linear biases instead of positions, a norm on the embeddings, fused projections sliced, no other
    attention than its own.
    """
    hidden = size(config, "hidden_size", "n_embed")
    return llama_kind(
        config,
        attend=fused_attention,
        feed=plain,
        positions="",
        intermediate=4 * hidden,
        tied=config.get("tie_word_embeddings", True),
        norm="layer",
        norm_bias=True,
        embedding_norm=True,
        qkv_bias=True,
        output_bias=True,
        mlp_bias=True,
        activation="bloom",
        attention_dropout=fraction(config, "attention_dropout"),
        hidden_dropout=fraction(config, "hidden_dropout"),
        sliced_projections=True,
        alibi=True,
        scales_scores=False,
        no_sdpa=True,
        names=FALCON_NAMES,
    )


FALCON_NAMES = {
    "self_attn.qkv_proj": "self_attention.query_key_value",
    "self_attn.o_proj": "self_attention.dense",
    "mlp.up_proj": "mlp.dense_h_to_4h",
    "mlp.down_proj": "mlp.dense_4h_to_h",
}


def falcon(config: Config) -> Decoder:
    """Attention and MLP side by side (not in the rw models); one key head, or groups of them broadcast to
    all; always with a mask.
    """
    hidden, heads = size(config, "hidden_size"), size(config, "num_attention_heads", "n_head")
    new = bool(config.get("new_decoder_architecture", False))
    several = config.get("num_ln_in_parallel_attn") or (2 if new else 1)
    if not config.get("parallel_attn", True):
        arrange: Arrangement = pre_norm_holding
        names: tuple[str, ...] = ("input_layernorm", "post_attention_layernorm")
    elif new and several == 2:
        arrange, names = falcon_two_norms, ("ln_attn", "ln_mlp")
    else:
        arrange, names = falcon_one_norm, ("input_layernorm",)
    shared = config.get("num_kv_heads") or heads if new else 1 if config.get("multi_query", True) else heads
    biased = bool(config.get("bias", False))
    alibi = bool(config.get("alibi", False))
    return llama_kind(
        config,
        attend=fused_attention,
        feed=plain,
        positions="" if alibi else "rotary",
        kv_heads=shared,
        intermediate=config.get("ffn_hidden_size") or 4 * hidden,
        tied=config.get("tie_word_embeddings", True),
        arrange=arrange,
        norm="layer",
        norm_bias=True,
        norm_names=names,
        qkv_bias=biased,
        output_bias=biased,
        mlp_bias=biased,
        activation=config.get("activation") or "gelu",
        attention_dropout=fraction(config, "attention_dropout"),
        hidden_dropout=fraction(config, "hidden_dropout"),
        sliced_projections=True,
        broadcast_heads=new,
        always_masked=True,
        alibi=alibi,
        softmax_fp32=False,
        names=FALCON_NAMES,
    )


def mpt(config: Config) -> Decoder:
    """Linear biases instead of positions, no biases in any layer, no other attention than its own."""
    hidden = size(config, "d_model")
    return llama_kind(
        config,
        attend=fused_attention,
        feed=plain,
        positions="",
        intermediate=(config.get("expansion_ratio") or 4) * hidden,
        tied=config.get("tie_word_embeddings", True),
        norm="layer",
        norm_names=("norm_1", "norm_2"),
        activation="gelu",
        alibi=True,
        no_sdpa=True,
        names={
            "self_attn.qkv_proj": "attn.Wqkv",
            "self_attn.o_proj": "attn.out_proj",
            "mlp.up_proj": "ffn.up_proj",
        }
        | {"mlp.down_proj": "ffn.down_proj"},
    )


def gpt_neo(config: Config) -> Decoder:
    """GPT-2 with separate projections and scores in float32; local layers too hold every score. Each
    registers a mask.
    """
    hidden = size(config, "hidden_size")
    places = size(config, "max_position_embeddings", default=2048)
    return llama_kind(
        {
            "num_attention_heads": config.get("num_heads"),
            "num_hidden_layers": config.get("num_layers"),
            **config,
        },
        feed=plain,
        positions="",
        intermediate=config.get("intermediate_size") or 4 * hidden,
        tied=config.get("tie_word_embeddings", True),
        norm="layer",
        norm_bias=True,
        norm_names=("ln_1", "ln_2"),
        qkv_bias=False,
        output_bias=True,
        mlp_bias=True,
        activation=config.get("activation_function") or "gelu_new",
        learned_positions=places,
        scores_fp32=True,
        softmax_fp32=False,
        no_sdpa=True,
        buffer_bytes=places**2 * size(config, "num_layers", "num_hidden_layers"),
        names={f"self_attn.{name}_proj": f"attn.attention.{name}_proj" for name in "qkv"}
        | {
            "self_attn.o_proj": "attn.attention.out_proj",
            "mlp.up_proj": "mlp.c_fc",
            "mlp.down_proj": "mlp.c_proj",
        },
    )


def codegen(config: Config) -> Decoder:
    """GPT-J with a fused projection."""
    names = {"self_attn.qkv_proj": "attn.qkv_proj", "self_attn.o_proj": "attn.out_proj"}
    declared = gptj(config)
    pattern = tuple(replace(kind, attend=fused_attention) for kind in declared.pattern)
    names |= {"mlp.up_proj": "mlp.fc_in", "mlp.down_proj": "mlp.fc_out"}
    return replace(declared, pattern=pattern, names=names)
