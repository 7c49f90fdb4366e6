"""Encoder families."""

from __future__ import annotations

from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures.deberta_attention import disentangled_attention
from vramlint.memory.architectures.encoder import Encoder
from vramlint.memory.architectures.families.common import Config, alternating, fraction, llama_kind, size
from vramlint.memory.architectures.feed_forward import gated_fused, plain
from vramlint.memory.architectures.layers import post_sum
from vramlint.memory.architectures.self_attention import fused_attention

BERT_NAMES = {
    "self_attn.q_proj": "attention.self.query",
    "self_attn.k_proj": "attention.self.key",
    "self_attn.v_proj": "attention.self.value",
    "self_attn.o_proj": "attention.output.dense",
    "mlp.up_proj": "intermediate.dense",
    "mlp.down_proj": "output.dense",
}


def bert(config: Config) -> Encoder:
    """Learned positions and sentence numbers, norms after the sums, dropout everywhere."""
    body = llama_kind(
        config,
        feed=plain,
        positions="",
        arrange=post_sum,
        norm="layer",
        norm_bias=True,
        norm_names=("attention.output.LayerNorm", "output.LayerNorm"),
        qkv_bias=True,
        output_bias=True,
        mlp_bias=True,
        activation=config.get("hidden_act") or "gelu",
        learned_positions=size(config, "max_position_embeddings", default=512),
        attention_dropout=fraction(config, "attention_probs_dropout_prob", 0.1),
        hidden_dropout=fraction(config, "hidden_dropout_prob", 0.1),
        embedding_dropout=fraction(config, "hidden_dropout_prob", 0.1),
        softmax_fp32=False,
        bidirectional=True,
        names=BERT_NAMES,
    )
    return Encoder(body, token_types=int(config.get("type_vocab_size", 2)))


def roberta(config: Config) -> Encoder:
    """BERT whose positions are counted for each row of the batch, from its padding on."""
    made = bert({"type_vocab_size": 1, **config})
    return replace(made, body=replace(made.body, positions_by_row=True), transform="lm_head.dense")


def distilbert(config: Config) -> Encoder:
    """BERT without sentence numbers, under names of its own."""
    same = {
        "hidden_size": size(config, "dim"),
        "num_hidden_layers": size(config, "n_layers"),
        "num_attention_heads": size(config, "n_heads"),
        "intermediate_size": size(config, "hidden_dim"),
        "hidden_act": config.get("activation") or "gelu",
        "hidden_dropout_prob": fraction(config, "dropout", 0.1),
        "attention_probs_dropout_prob": fraction(config, "attention_dropout", 0.1),
        "type_vocab_size": 0,
    }
    names = {f"self_attn.{name}_proj": f"attention.{name}_lin" for name in "qkv"}
    names |= {"self_attn.o_proj": "attention.out_lin", "mlp.up_proj": "ffn.lin1", "mlp.down_proj": "ffn.lin2"}
    made = bert({**config, **same})
    body = replace(made.body, attention_output_dropout=False, names=names)
    return replace(made, body=body, transform="vocab_transform")


def deberta_v2(config: Config) -> Encoder:
    """BERT with disentangled attention: relative positions in every layer instead of a table on the
    embeddings.
    """
    made = bert({"hidden_act": "gelu", **config, "type_vocab_size": config.get("type_vocab_size") or 0})
    body = replace(made.body, softmax_fp32=False)
    kind = replace(body.pattern[0], attend=disentangled_attention)
    absolute = bool(config.get("position_biased_input", True))
    body = replace(
        body, pattern=(kind,) * len(body.pattern), learned_positions=body.learned_positions if absolute else 0
    )
    buckets = config.get("position_buckets") or 0
    reach = buckets if buckets > 0 else size(config, "max_position_embeddings", default=512)
    return replace(made, body=body, relative_positions=2 * reach)


def modernbert(config: Config) -> Encoder:
    """Pre-norm, rotary, fused GeGLU, two local layers to one global; no biases but the head's."""
    biased = bool(config.get("attention_bias", False))
    declared = llama_kind(
        config,
        attend=fused_attention,
        feed=gated_fused,
        norm="layer",
        norm_bias=bool(config.get("norm_bias", False)),
        norm_names=("attn_norm", "mlp_norm"),
        qkv_bias=biased,
        output_bias=biased,
        activation=config.get("hidden_activation") or "gelu",
        rotary="fp32",
        hidden_dropout=fraction(config, "mlp_dropout"),
        embedding_dropout=fraction(config, "embedding_dropout"),
        softmax_fp32=True,
        bidirectional=True,
        names={"self_attn.qkv_proj": "attn.Wqkv", "self_attn.o_proj": "attn.Wo"}
        | {"mlp.gate_up_proj": "mlp.Wi", "mlp.down_proj": "mlp.Wo"},
    )
    types = config.get("layer_types")
    if not types:
        every = config.get("global_attn_every_n_layers") or 3
        types = [
            "sliding_attention" if index % every else "full_attention"
            for index in range(len(declared.pattern))
        ]
    window = (config.get("local_attention") or 128) // 2
    body = alternating(declared, {"layer_types": types}, window, 3, local_positions="local rotary")
    first, *others = body.pattern
    body = replace(body, pattern=(replace(first, first_norm=False), *others))
    return Encoder(body, final_norm=True, transform="head.dense", transform_bias=False, loss_fp32=True)
