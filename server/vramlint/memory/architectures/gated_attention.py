"""Self-attention whose output is gated by a second half of the query's projection (Qwen3-Next, Qwen3.5)."""

from __future__ import annotations

from vramlint.memory.architectures.decoder_spec import Decoder, LayerKind
from vramlint.memory.architectures.network import Block, Inputs
from vramlint.memory.architectures.self_attention import query_key_norms
from vramlint.memory.ops.attention import attention
from vramlint.memory.ops.basic import activation, copied, mul
from vramlint.memory.ops.embedding import rotated
from vramlint.memory.ops.linear import linear
from vramlint.memory.ops.norm import norm
from vramlint.memory.ops.shape import split
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights


def gated_attention(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """Projections, norms on query and key, rotary positions, attention times the sigmoid of its gate
    (transformers 5.24, modeling_qwen3_next.py, Qwen3NextAttention.forward).
    """
    heads, kv_heads, size, hidden = decoder.heads, decoder.kv_heads, decoder.head_size, decoder.hidden
    q_proj = weights.linear("self_attn.q_proj", 2 * heads * size, hidden, decoder.qkv_bias)
    k_proj = weights.linear("self_attn.k_proj", kv_heads * size, hidden, decoder.qkv_bias)
    v_proj = weights.linear("self_attn.v_proj", kv_heads * size, hidden, decoder.qkv_bias)
    o_proj = weights.linear("self_attn.o_proj", hidden, heads * size, decoder.output_bias)
    q_norm, k_norm = query_key_norms(decoder, weights)

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        batch, tokens, _ = x.shape
        own = (batch, heads, tokens, size)
        q, gate = split(t, linear(t, x, q_proj), (own, own), "query and gate")
        gate = copied(t, gate, "gate").view(batch, tokens, heads * size)
        k = linear(t, x, k_proj).view(batch, kv_heads, tokens, size)
        if q_norm is not None and k_norm is not None:
            q, k = norm(t, q, q_norm), norm(t, k, k_norm)
        v = linear(t, x, v_proj).view(batch, kv_heads, tokens, size)
        q, k = rotated(t, q, k, inputs.positions[kind.positions], decoder.rotary)
        call = inputs.calls[kind.window]
        context = attention(t, q, k, v, call)
        if call.kernel == "flash" and decoder.rotary_size not in (None, size):
            context = copied(t, context, "attention output, tokens first")
        context = context.view(batch, tokens, heads * size)
        opened = activation(t, gate, "gate's sigmoid", saves="output")
        context = mul(t, context, opened, "attention output, gated")
        result = linear(t, context, o_proj)
        del q, k, v, gate, opened
        return result

    return run
