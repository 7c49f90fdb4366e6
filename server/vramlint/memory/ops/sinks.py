"""Attention with a learned sink a head (gpt-oss): one more column of scores, dropped after the softmax."""

from __future__ import annotations

from vramlint.memory.ledger import Shape
from vramlint.memory.ops.attention import AttentionCall, batched_matmul, repeated, softmax
from vramlint.memory.ops.basic import add, cast, copied, dropout, scaled
from vramlint.memory.ops.shape import piece
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor


def sink_attention(t: Tape, q: Tensor, k: Tensor, v: Tensor, call: AttentionCall, sinks: Parameter) -> Tensor:
    """eager_attention_forward of modeling_gpt_oss.py; its softmax keeps the dtype of the scores."""
    batch, heads, tokens, _ = q.shape
    given = v.dtype
    k, v = repeated(t, k, heads), repeated(t, v, heads)
    full: Shape = (batch, heads, tokens, k.shape[2])
    wide: Shape = (*full[:3], full[3] + 1)
    dtype = t.autocast or q.dtype
    left, right = cast(t, q, dtype, "query, cast"), cast(t, k, dtype, "key, cast")
    scores = scaled(t, batched_matmul(t, left, right, full, "attention scores"), "attention scores, scaled")
    del left, right
    if call.mask is not None:
        scores = add(t, scores, call.mask, "attention scores, masked")
    joined = with_sinks(t, scores, sinks, wide)
    shifted = less_maximum(t, joined)
    del joined  # the name is taken by what follows
    probabilities = softmax(t, shifted, shifted.dtype, "attention weights with sinks")
    weights = dropout(t, piece(t, probabilities, full, "attention weights"), call.dropout)
    weights = cast(t, weights, given, "attention weights, cast")
    del scores  # likewise
    context = batched_matmul(t, weights, cast(t, v, dtype, "value, cast"), q.shape, "attention context")
    del shifted, probabilities
    return copied(t, context, "attention output").view(batch, tokens, heads * q.shape[-1])


def with_sinks(t: Tape, scores: Tensor, sinks: Parameter, wide: Shape) -> Tensor:
    """`cat([scores, sinks])`: a copy; the gradients are views."""
    out = t.new(wide, scores.dtype, "attention scores and sinks")
    if not t.tracks(scores, sinks):
        return out
    shape, trains = scores.shape, sinks.trainable

    def backward(grad: Tensor) -> Gradients:
        return grad.detach().view(*shape), t.new(
            sinks.shape, sinks.dtype, f"gradient of {sinks.name}"
        ) if trains else None

    return t.record(out, (scores.node, sinks if trains else None), backward)


def less_maximum(t: Tape, x: Tensor) -> Tensor:
    """`x - x.max(dim=-1)`: the maximum's gradient is scattered into zeros of the whole shape."""
    out = t.new(x.shape, x.dtype, "attention scores less their maximum")
    if not (t.recording and x.node is not None):
        return out
    shape, dtype = x.shape, x.dtype

    def backward(grad: Tensor) -> Gradients:
        t.new(shape, dtype, "gradient of the maximum, negated")
        t.new(shape, dtype, "gradient of the maximum, scattered")
        return (grad,)

    return t.record(out, (x.node,), backward)
