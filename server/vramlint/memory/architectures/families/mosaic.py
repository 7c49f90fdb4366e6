"""MPT as LLM Foundry builds it (0.22.0, models/mpt/modeling_mpt.py, models/layers/)."""

from __future__ import annotations

from vramlint.memory.architectures.decoder_spec import Decoder
from vramlint.memory.architectures.families.common import Config, llama_kind, size
from vramlint.memory.architectures.feed_forward import gated, plain
from vramlint.memory.architectures.self_attention import fused_attention

_NAMES = {
    "self_attn.qkv_proj": "attn.Wqkv",
    "self_attn.o_proj": "attn.out_proj",
    "mlp.up_proj": "ffn.up_proj",
    "mlp.down_proj": "ffn.down_proj",
    "mlp.gate_proj": "ffn.gate_proj",
}


def mpt_foundry(config: Config) -> Decoder:
    """Fused projections, LayerNorm in the dtype of the layers, biases unless the config says none, learned
    positions unless it has linear biases or rotary ones.
    """
    hidden = size(config, "hidden_size", "d_model")
    biased = not config.get("no_bias", False)
    places = size(config, "max_position_embeddings", "max_seq_len", default=2048)
    return llama_kind(
        config,
        attend=fused_attention,
        feed=gated if config.get("gated") else plain,
        positions="rotary" if config.get("rope") else "",
        intermediate=config.get("intermediate_size") or int((config.get("expansion_ratio") or 4) * hidden),
        tied=config.get("tie_word_embeddings", True),
        norm="layer",
        norm_bias=biased,
        norm_names=("norm_1", "norm_2"),
        qkv_bias=biased,
        output_bias=biased,
        mlp_bias=biased,
        activation="gelu",
        learned_positions=places if config.get("learned_pos_emb", True) else 0,
        alibi=bool(config.get("alibi", False)),
        names=_NAMES,
    )
