"""Mamba 2's scan in chunks, as transformers computes it without mamba-ssm (5.24,
modeling_granitemoehybrid.py, mamba2_chunk_scan).
"""

from __future__ import annotations

from vramlint.memory.ledger import Shape
from vramlint.memory.ops.attention import batched_matmul
from vramlint.memory.ops.basic import activation, add, add_broadcast, cast, copied, mul, mul_broadcast
from vramlint.memory.ops.delta_rule import grown, padded, repeated
from vramlint.memory.ops.generic import operation
from vramlint.memory.ops.shape import join, piece
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor


def chunk_scan(
    t: Tape,
    x: Tensor,
    step: Tensor,
    b: Tensor,
    c: Tensor,
    rate: Tensor,
    skip: Tensor,
    bias: Tensor,
    size: int,
) -> Tensor:
    """Output [batch, tokens, heads, head size] in float32 of x of that shape, step [batch, tokens, heads], b
    and c [batch, tokens, groups, state], and rate, skip and bias [heads]; `size` tokens are a chunk.
    """
    batch, tokens, heads, wide = x.shape
    state = b.shape[-1]
    step = add_broadcast(t, step, bias, "step and bias")
    if t.autocast:
        step = cast(t, step, "float32", "step, cast by autocast")
    step = activation(t, step, "step")
    step = operation(t, (step,), step.shape, step.dtype, "step, clamped", keeps=(step,))
    x, b, c = cast(t, x, "float32"), cast(t, b, "float32"), cast(t, c, "float32")
    b, c = (repeated(t, part, (batch, tokens, heads, state)) for part in (b, c))
    chunks = -(-tokens // size)
    rows = chunks * size
    residual = mul_broadcast(t, padded(t, x, (batch, rows, heads, wide)), skip, "skipped input")
    step = cast(t, step, "float32", "step in float32")
    x = mul_broadcast(t, x, step, "input times step")
    decay = mul_broadcast(t, step, rate, "decay")
    x, decay, b, c = [padded(t, part, (batch, rows, *part.shape[2:])) for part in (x, decay, b, c)]
    total = operation(t, (decay,), (batch, heads, chunks, size), "float32", "decay, summed")
    masks = grown(t, segment_sums(t, decay, (batch, heads, chunks, size, size)))
    square, inner = (batch, chunks, size, size, heads), (batch, chunks, size, heads, wide)
    states = (batch, chunks, heads, wide, state)
    scores = contraction(t, c, b, square, "scores")
    masked = mul(t, scores, masks.view(*square), "scores, masked")
    within = contraction(t, masked, x, inner, "output within chunks", left=False)
    to_end = grown(t, operation(t, (total, total), total.shape, "float32", "decay to the chunk's end"))
    fading = mul_broadcast(t, b, to_end, "b, decayed")
    made = contraction(t, fading, x, states, "states made by chunks")
    carried = carried_states(t, made, total, chunks)
    from_start = grown(t, total)
    read = contraction(t, c, carried, inner, "states, read")
    between = mul_broadcast(t, read, from_start, "output between chunks")
    out = copied(t, add(t, within, between, "output of chunks"), "output of chunks, contiguous")
    out = add(t, out.view(batch, rows, heads, wide), residual, "output with skipped input")
    if rows != tokens:
        out = piece(t, out, (batch, tokens, heads, wide), "output without padding")
    del scores, masked, fading, read, between, residual
    return out


def carried_states(t: Tape, made: Tensor, total: Tensor, chunks: int) -> Tensor:
    """The state that each chunk starts from: sums of all earlier ones, decayed."""
    batch, _, heads, wide, state = made.shape
    first = t.new((batch, 1, heads, wide, state), made.dtype, "first state")
    every = (batch, chunks + 1, heads, wide, state)
    states = join(t, (first, made), every, "states")
    ends = padded(t, piece(t, total, (batch, heads, chunks), "decay at the ends"), (batch, heads, chunks + 1))
    decays = grown(t, segment_sums(t, ends, (batch, heads, chunks + 1, chunks + 1)))
    new = contraction(t, decays, states, every, "carried states", right=batch > 1)
    return piece(t, new, made.shape, "states at the start")


def segment_sums(t: Tape, x: Tensor, square: Shape) -> Tensor:
    """Sums of every stretch (segment_sum): masked, summed up, masked again."""
    full = (square, "float32")
    masked = operation(t, (x,), square, "float32", "stretches, masked", backward_temporaries=(full,))
    sums = operation(t, (masked,), square, "float32", "stretches, summed", backward_temporaries=(full, full))
    return operation(t, (sums,), square, "float32", "sums of stretches")


def contraction(
    t: Tape, a: Tensor, b: Tensor, shape: Shape, name: str, left: bool = True, right: bool = True
) -> Tensor:
    """`torch.einsum` of two tensors, which autocast casts: brought into the order of a batched product, which
    copies them unless `left` or `right` says that they lie so already (aten/src/ATen/native/Linear.cpp,
    sumproduct_pair).
    """
    if t.autocast:
        a, b = cast(t, a, t.autocast, f"{name}, left, cast"), cast(t, b, t.autocast, f"{name}, right, cast")
    first = copied(t, a, f"{name}, left in order") if left else a
    second = copied(t, b, f"{name}, right in order") if right else b
    return batched_matmul(t, first, second, shape, name)
