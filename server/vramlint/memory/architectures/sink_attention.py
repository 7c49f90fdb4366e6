"""Self-attention with learned sinks (gpt-oss)."""

from __future__ import annotations

from vramlint.memory.architectures.decoder_spec import Decoder, LayerKind
from vramlint.memory.architectures.network import Block, Inputs
from vramlint.memory.ops.attention import attention
from vramlint.memory.ops.embedding import rotated
from vramlint.memory.ops.linear import linear
from vramlint.memory.ops.sinks import sink_attention
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights


def attention_with_sinks(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """Projections, rotary positions, attention with a sink a head (modeling_gpt_oss.py,
    GptOssAttention.forward).
    """
    heads, kv_heads, size = decoder.heads, decoder.kv_heads, decoder.head_size
    q_proj = weights.linear("self_attn.q_proj", heads * size, decoder.hidden, decoder.qkv_bias)
    k_proj = weights.linear("self_attn.k_proj", kv_heads * size, decoder.hidden, decoder.qkv_bias)
    v_proj = weights.linear("self_attn.v_proj", kv_heads * size, decoder.hidden, decoder.qkv_bias)
    o_proj = weights.linear("self_attn.o_proj", decoder.hidden, heads * size, decoder.output_bias)
    sinks = weights.parameter("self_attn.sinks", (heads,))

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        batch, tokens, _ = x.shape
        q = linear(t, x, q_proj).view(batch, heads, tokens, size)
        k = linear(t, x, k_proj).view(batch, kv_heads, tokens, size)
        v = linear(t, x, v_proj).view(batch, kv_heads, tokens, size)
        q, k = rotated(t, q, k, inputs.positions[kind.positions], decoder.rotary)
        call = inputs.calls[kind.window]
        if call.kernel == "eager":
            context = sink_attention(t, q, k, v, call, sinks)
        else:
            context = attention(t, q, k, v, call)
        del q, k, v
        return linear(t, context, o_proj)

    return run
