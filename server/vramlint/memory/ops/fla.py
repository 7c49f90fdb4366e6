"""flash-linear-attention's kernels: the gated delta rule in chunks, and the short convolution before it
(fla-core 0.5.2, ops/gated_delta_rule/chunk.py, ops/common/chunk_delta_h.py, modules/conv/triton/ops.py).
"""

from __future__ import annotations

from vramlint.memory.ops.basic import copied
from vramlint.memory.ops.delta_rule import CHUNK, repeated
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor


def kernel_delta_rule(
    t: Tape, query: Tensor, key: Tensor, value: Tensor, decay: Tensor, beta: Tensor
) -> Tensor:
    """The same as `delta_rule.delta_rule`, with heads normalised inside. Saved are query and key, normalised,
    with their inverse norms, the value, the decay summed up, beta and one matrix of a chunk's size for each
    of its tokens; backward makes the states of the chunks again, and their gradients.
    """
    batch, tokens, key_heads, wide = key.shape
    heads, deep = value.shape[-2:]
    if key_heads != heads:
        query, key = (repeated(t, x, (batch, tokens, heads, wide)) for x in (query, key))
    else:
        query, key = copied(t, query, "query, contiguous"), copied(t, key, "key, contiguous")
    value = copied(t, value, "value, contiguous")
    keys, values, dtype = (batch, tokens, heads, wide), (batch, tokens, heads, deep), value.dtype
    small, states = (batch, tokens, heads), (batch, -(-tokens // CHUNK), heads, wide, deep)

    def made(name: str, shape: tuple[int, ...], kind: str = dtype) -> Tensor:
        return t.new(shape, kind, name)

    sources = (query, key, value, decay, beta)
    tracked = t.tracks(*sources)
    normal = made("query, normalised", keys), made("key, normalised", keys)
    inverse = made("inverse norms", small, "float32"), made("inverse norms", small, "float32")
    summed = made("decay, summed", small, "float32")
    pairs = made("keys by keys, solved", (*small, CHUNK))
    reading, new = made("keys that read the state", keys), made("new values", values)
    held = made("states of the chunks", states), made("values to write", values)
    saved = t.save(*normal, *inverse, value, summed, beta, pairs) if tracked else None
    out = made("output of the delta rule", values)
    del normal, inverse, summed, pairs, reading, new, held
    if saved is None:
        return out
    kept, of_beta, flows = saved, beta.dtype, [source.node is not None for source in sources]

    def backward(grad: Tensor) -> Gradients:
        opened = kept.open()
        again: tuple[Tensor, ...] = made("keys that read the state", keys), made("new values", values)
        again += made("states of the chunks", states), made("values to write", values)
        inside = made("gradient of the values, inside chunks", values)
        again += made("gradients of the states", states), made("gradient of the values to write", values)
        del inside
        to_query, to_key = made("gradient of the query", keys), made("gradient of the key", keys)
        again += (made("gradient of the keys that read", keys),)
        to_decay = made("gradient of the decay", small, "float32")
        rest = made("gradient of the key, rest", keys), made("gradient of the decay, rest", small, "float32")
        to_value, to_beta = made("gradient of the value", values), made("gradient of beta", small, of_beta)
        del again, rest
        to_query = made("gradient of the query before its norm", keys)
        to_key = made("gradient of the key before its norm", keys)
        del opened
        made_all = (to_query, to_key, to_value, to_decay, to_beta)
        return tuple(each if flow else None for each, flow in zip(made_all, flows, strict=True))

    return t.record(out, tuple(source.node for source in sources), backward)


def kernel_convolution(t: Tape, x: Tensor, kernel: Parameter) -> Tensor:
    """`silu(conv1d(x))` of [batch, tokens, channels]: saves its input, and makes the rest again."""
    flows, trains = x.node is not None, kernel.trainable
    tracked = t.recording and (flows or trains)
    saved = t.save(x, kernel) if tracked else None
    out, shape, dtype = t.new(x.shape, x.dtype, "convolved"), x.shape, x.dtype
    if saved is None:
        return out
    kept = saved

    def backward(grad: Tensor) -> Gradients:
        held = kept.open()
        to_x = t.new(shape, dtype, "gradient of the convolution's input")
        to_kernel = t.new(kernel.shape, dtype, f"gradient of {kernel.name}") if trains else None
        del held
        return to_kernel, to_x if flows else None

    return t.record(out, (kernel if trains else None, x.node), backward)
