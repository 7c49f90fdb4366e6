"""Self-attention with separate or fused projections, rotary positions in every variant, and norms on query
and key.
"""

from __future__ import annotations

from vramlint.memory.architectures.decoder_spec import Decoder, LayerKind
from vramlint.memory.architectures.network import Block, Inputs
from vramlint.memory.ops.attention import attention, repeated
from vramlint.memory.ops.basic import copied, scaled
from vramlint.memory.ops.embedding import rotated
from vramlint.memory.ops.linear import linear
from vramlint.memory.ops.norm import Norm, norm
from vramlint.memory.ops.shape import piece, split
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights


def self_attention(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """Projections, rotary positions, attention, output projection (modeling_llama.py,
    LlamaAttention.forward).
    """
    heads, kv_heads, size = decoder.heads, decoder.kv_heads, decoder.head_size
    width, kv_width = heads * size, kv_heads * size
    q_proj = weights.linear(decoder.name("self_attn.q_proj"), width, decoder.hidden, decoder.qkv_bias)
    k_proj = weights.linear(decoder.name("self_attn.k_proj"), kv_width, decoder.hidden, decoder.qkv_bias)
    v_proj = weights.linear(decoder.name("self_attn.v_proj"), kv_width, decoder.hidden, decoder.qkv_bias)
    o_proj = weights.linear(decoder.name("self_attn.o_proj"), decoder.hidden, width, decoder.output_bias)
    q_norm, k_norm = query_key_norms(decoder, weights)
    over_width, after = decoder.qk_norm == "width", decoder.qk_norm == "turned"
    before = decoder.qk_norm in ("head", "each head")
    window, table = kind.window, kind.positions
    # A query put together from a turned and an unturned part lies head by head in memory, and so does the
    # flash kernel's output.
    joined = bool(table) and decoder.rotary_size not in (None, size)

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        batch, tokens, _ = x.shape
        q = linear(t, x, q_proj)
        if decoder.query_scale:
            q = scaled(t, q, "query, scaled")
        if q_norm is not None and over_width:
            q = norm(t, q, q_norm)
        q = q.view(batch, heads, tokens, size)
        if q_norm is not None and before:
            q = norm(t, q, q_norm)
        k = linear(t, x, k_proj)
        if k_norm is not None and over_width:
            k = norm(t, k, k_norm)
        k = k.view(batch, kv_heads, tokens, size)
        if decoder.key_scale:
            k = scaled(t, k, "key, scaled")
        if k_norm is not None and before:
            k = norm(t, k, k_norm)
        v = linear(t, x, v_proj).view(batch, kv_heads, tokens, size)
        if table:
            q, k = rotated(t, q, k, inputs.positions[table], decoder.rotary)
        if q_norm is not None and k_norm is not None and after:
            q, k = norm(t, q, q_norm), norm(t, k, k_norm)
        context = attention(t, q, k, v, inputs.calls[window])
        del q, k, v
        if joined and "rope" not in t.liger and inputs.calls[window].kernel == "flash":
            context = copied(t, context, "attention output, tokens first")
        return linear(t, context, o_proj)

    return run


def fused_attention(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """One projection for query, key and value, split into views (modeling_gpt2.py, modeling_gpt_neox.py,
    modeling_phi3.py).
    """
    heads, kv_heads, size = decoder.heads, decoder.kv_heads, decoder.head_size
    width = heads * size
    qkv = weights.linear(
        decoder.name("self_attn.qkv_proj"), (heads + 2 * kv_heads) * size, decoder.hidden, decoder.qkv_bias
    )
    o_proj = weights.linear(decoder.name("self_attn.o_proj"), decoder.hidden, width, decoder.output_bias)
    window, table = kind.window, kind.positions
    # A query put together from a turned and an unturned part lies head by head in memory, and so does the
    # flash kernel's output.
    joined = bool(table) and decoder.rotary_size not in (None, size)

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        batch, tokens, _ = x.shape
        own, shared = (batch, heads, tokens, size), (batch, kv_heads, tokens, size)
        fused = linear(t, x, qkv)
        if decoder.returns_projection:
            t.hand_back(fused)
        if decoder.sliced_projections:
            q, k, v = (piece(t, fused, shape, "a projection") for shape in (own, shared, shared))
        else:
            q, k, v = split(t, fused, (own, shared, shared), "query, key and value")
        if decoder.broadcast_heads:
            k, v = repeated(t, k, heads), repeated(t, v, heads)
        if "rope" in t.liger:  # it turns what lies in one piece
            q, k = copied(t, q, "query, in one piece"), copied(t, k, "key, in one piece")
        if table:
            q, k = rotated(t, q, k, inputs.positions[table], decoder.rotary)
        context = attention(t, q, k, v, inputs.calls[window])
        del q, k, v
        if joined and "rope" not in t.liger and inputs.calls[window].kernel == "flash":
            context = copied(t, context, "attention output, tokens first")
        return linear(t, context, o_proj)

    return run


def query_key_norms(decoder: Decoder, weights: Weights) -> tuple[Norm | None, Norm | None]:
    """The norms on query and key that `Decoder.qk_norm` names."""
    if not decoder.qk_norm:
        return None, None
    size, whole = decoder.head_size, decoder.qk_norm in ("width", "each head")
    widths = (decoder.heads * size, decoder.kv_heads * size) if whole else (size, size)
    bias = decoder.norm_bias and decoder.qk_norm != "each head"
    return (
        weights.norm(decoder.name("self_attn.q_norm"), widths[0], decoder.norm, bias),
        weights.norm(decoder.name("self_attn.k_norm"), widths[1], decoder.norm, bias),
    )
