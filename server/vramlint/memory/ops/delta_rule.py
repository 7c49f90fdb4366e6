"""The gated delta rule in chunks, as transformers computes it without flash-linear-attention (5.24,
modeling_qwen3_next.py, torch_chunk_gated_delta_rule).
"""

from __future__ import annotations

from vramlint.memory.ledger import Shape
from vramlint.memory.ops.attention import batched_matmul
from vramlint.memory.ops.basic import add, cast, copied, mul, mul_broadcast, scaled
from vramlint.memory.ops.generic import operation
from vramlint.memory.ops.shape import piece
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Tensor

CHUNK = 64
"""Tokens of a chunk: the function's default, which no caller changes."""
WALKED = 64
"""Chunks that are walked one by one: of more, groups are walked as one that holds as much as all of them."""


def delta_rule(
    t: Tape, query: Tensor, key: Tensor, value: Tensor, decay: Tensor, beta: Tensor, size: int = CHUNK
) -> Tensor:
    """Output [batch, tokens, value heads, value size] of query and key [batch, tokens, key heads, key size],
    value, and decay and beta [batch, tokens, value heads]. Everything inside is float32; under autocast its
    matrix products are not.
    """
    given, (batch, tokens, key_heads, wide) = query.dtype, key.shape
    heads, deep = value.shape[-2:]
    if key_heads != heads:
        query, key = (repeated(t, x, (batch, tokens, heads, wide)) for x in (query, key))
    query, key, value, beta, decay = [in_float32(t, x) for x in (query, key, value, beta, decay)]
    query, key = normalised(t, query), normalised(t, key)
    query = scaled(t, query, "query, scaled")
    chunks = -(-tokens // size)
    query, key, value = (
        padded(t, x, (batch, heads, chunks * size, x.shape[-1])) for x in (query, key, value)
    )
    beta, decay = (padded(t, x, (batch, heads, chunks * size)) for x in (beta, decay))
    weighted_value = mul_broadcast(t, value, beta, "value times beta")
    weighted_key = mul_broadcast(t, key, beta, "key times beta")
    total = operation(t, (decay,), decay.shape, "float32", "decay, summed")
    square = (batch, heads, chunks, size, size)
    pairwise = operation(
        t,
        (total, total),
        square,
        "float32",
        "decay of pairs, logarithm",
        backward_temporaries=((square, "float32"),),
    )
    pairwise = operation(t, (pairwise,), square, "float32", "decay of pairs, masked")
    pairwise = operation(t, (pairwise,), square, "float32", "decay of pairs", keeps_output=True)
    system = mul(t, product(t, weighted_key, key, square, "keys by keys"), pairwise, "system of a chunk")
    inside = mul(t, product(t, query, key, square, "queries by keys"), pairwise, "attention inside a chunk")
    decayed = mul_broadcast(t, weighted_key, grown(t, total), "keys times beta and decay")
    new_values = solved(t, system, weighted_value, "new values")
    reading = solved(t, system, decayed, "keys that read the state")
    out = t.new((batch, heads, chunks * size, deep), "float32", "output of the chunks")
    query = mul_broadcast(t, query, grown(t, total), "query times decay")
    rest = operation(t, (total, total), total.shape, "float32", "decay to the chunk's end")
    key = mul_broadcast(t, key, grown(t, rest), "key times decay")
    at_ends = grown(t, piece(t, total, (batch, heads, chunks), "decay at the ends"))
    out = scanned(t, (new_values, reading, query, inside, key, at_ends), out, chunks)
    if chunks * size != tokens:
        out = piece(t, out, (batch, heads, tokens, deep), "output without padding")
    result = (
        cast(t, out, given, "output of the delta rule") if given != "float32" else copied(t, out, "output")
    )
    return result.view(batch, tokens, heads, deep)


def scanned(t: Tape, parts: tuple[Tensor, ...], out: Tensor, chunks: int) -> Tensor:
    """The loop over the chunks: each reads the state, writes its part of `out` and makes the next state."""
    new_values, reading, query, inside, key, at_ends = parts
    batch, heads, tokens, deep = out.shape
    wide, size = query.shape[-1], tokens // chunks
    many = -(-chunks // WALKED)
    rows = many * size
    values, keys, pairs = (batch, heads, rows, deep), (batch, heads, rows, wide), (batch, heads, rows, size)
    held = (batch, heads, many * wide, deep)
    state = t.new(held, "float32", "state")
    for index in range(-(-chunks // many)):
        told = product(t, piece(t, reading, keys, "keys that read the state"), state, values, "state, read")
        new = operation(
            t, (piece(t, new_values, values, "new values"), told), values, "float32", "values to write"
        )
        between = product(t, piece(t, query, keys, "query"), state, values, "output between chunks")
        own = product(t, piece(t, inside, pairs, "attention inside a chunk"), new, values, "output inside")
        out = written(t, out, add(t, between, own, "output of a chunk"))
        if (index + 1) * many < chunks:
            ends = piece(t, at_ends, (batch, heads, many), "decay at an end")
            kept = mul_broadcast(t, state, ends, "state, decayed")
            update = product(t, piece(t, key, keys, "key"), new, held, "update of the state")
            state = add(t, kept, update, "state")
    return out


def product(t: Tape, a: Tensor, b: Tensor, shape: Shape, name: str) -> Tensor:
    """`a @ b`; autocast casts both."""
    if t.autocast:
        a, b = cast(t, a, t.autocast, f"{name}, left, cast"), cast(t, b, t.autocast, f"{name}, right, cast")
    return batched_matmul(t, a, b, shape, name)


def grown(t: Tape, x: Tensor) -> Tensor:
    """`x.exp()`: keeps its result."""
    return operation(t, (x,), x.shape, x.dtype, "decay", keeps_output=True)


def repeated(t: Tape, x: Tensor, shape: Shape) -> Tensor:
    """`x.repeat_interleave(n)`: a copy for each; the gradient is summed."""
    return operation(t, (x,), shape, x.dtype, "heads, repeated")


def in_float32(t: Tape, x: Tensor) -> Tensor:
    """Heads first, contiguous and in float32: always a new tensor."""
    heads_first = (x.shape[0], x.shape[2], x.shape[1], *x.shape[3:])
    x = x.view(*heads_first)
    return copied(t, x, "heads first") if x.dtype == "float32" else cast(t, x, "float32", "in float32")


def normalised(t: Tape, x: Tensor) -> Tensor:
    """`x * rsqrt((x * x).sum(-1))` (l2norm)."""
    rows = (*x.shape[:-1], 1)
    summed = operation(t, (mul(t, x, x, "squares"),), rows, x.dtype, "squares, summed")
    inverse = operation(t, (summed,), rows, x.dtype, "inverse norm", keeps_output=True)
    return mul_broadcast(t, x, inverse, "normalised")


def padded(t: Tape, x: Tensor, shape: Shape) -> Tensor:
    """`F.pad` to whole chunks: a copy even where nothing is added."""
    return operation(t, (x,), shape, x.dtype, "in whole chunks")


def solved(t: Tape, system: Tensor, right: Tensor, name: str) -> Tensor:
    """`torch.linalg.solve_triangular(system, right)`: keeps system and solution (derivatives.yaml; backward:
    the right side's gradient by another solution, the system's as their product, negated, cut to a triangle).
    """
    shape, square = right.shape, system.shape
    if not t.tracks(system, right):
        return t.new(shape, "float32", name)
    saved = t.save(system if right.node is not None or system.node is not None else None)
    out = t.new(shape, "float32", name)
    solution = t.save(out.detach())

    def backward(grad: Tensor) -> Gradients:
        held = saved.open(), solution.open()
        to_right = t.new(shape, "float32", f"gradient of {name}")
        outer = t.new(square, "float32", f"gradient of {name}, outer product")
        outer = t.new(square, "float32", f"gradient of {name}, negated")
        to_system = t.new(square, "float32", f"gradient of {name}, triangle")
        del held, outer
        return to_system, to_right

    return t.record(out, (system.node, right.node), backward)


def written(t: Tape, whole: Tensor, part: Tensor) -> Tensor:
    """`whole[:, :, i] = part`: the same bytes. Backward copies the whole gradient and the part's
    (torch/csrc/autograd/functions/tensor.cpp, CopySlices).
    """
    out = Tensor(whole.storage, whole.shape, whole.dtype)
    if not t.tracks(whole, part):
        return out
    shape, dtype, small, flows = whole.shape, whole.dtype, part.shape, whole.node is not None

    def backward(grad: Tensor) -> Gradients:
        rest = t.new(shape, dtype, "gradient of the output, without a chunk")
        own = t.new(small, dtype, "gradient of a chunk's output")
        return (rest if flows else None), own

    return t.record(out, (whole.node, part.node), backward)
