"""Operations of latent attention: positions in interleaved pairs, keys put together from two parts."""

from __future__ import annotations

from vramlint.memory.ops.basic import cast, promoted
from vramlint.memory.ops.generic import operation
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Tensor


def rotary_pairs(t: Tape, x: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
    """Even and odd elements turned against each other, then joined (modeling_deepseek_v3.py,
    apply_rotary_pos_emb_interleave).
    """
    shape, dtype, source = x.shape, promoted(x.dtype, tables[0].dtype), x.dtype
    half = (*shape[:-1], shape[-1] // 2)

    def turned() -> Tensor:
        first, second = t.new(half, dtype, "rotary, cosine part"), t.new(half, dtype, "rotary, sine part")
        result = t.new(half, dtype, "rotary, half")
        del first, second
        return result

    even, odd = turned(), turned()
    out = t.new(shape, dtype, "rotated")
    del even, odd
    if not (t.recording and x.node is not None):
        return out

    def backward(grad: Tensor) -> Gradients:
        to_even, to_odd = (
            t.new(half, source, "rotary gradient, even"),
            t.new(half, source, "rotary gradient, odd"),
        )
        negated = t.new(half, dtype, "rotary gradient, negated")
        more = t.new(half, source, "rotary gradient, odd, second part")
        del more, negated
        more = t.new(half, source, "rotary gradient, even, second part")
        del more
        result = t.new(shape, source, "rotary gradient, odd, zero-padded")
        del to_odd
        other = t.new(shape, source, "rotary gradient, even, zero-padded")
        del to_even, other
        return (result,)

    return t.record(out, (x.node,), backward)


def rotary_complex(t: Tape, x: Tensor) -> Tensor:
    """Pairs as complex float32 numbers times the angles (modeling_deepseek_v2.py, apply_rotary_emb;
    modeling_llama4.py).
    """
    wide = cast(t, x, "float32", "rotary input in float32")
    turned = operation(t, (wide,), x.shape, "float32", "rotated in float32")
    del wide
    return cast(t, turned, x.dtype, "rotated")


def keys_from_parts(t: Tape, content: Tensor, position: Tensor) -> Tensor:
    """An empty tensor filled with each head's part and the part that all heads share; autograd's CopySlices
    copies the whole gradient at each fill.
    """
    batch, heads, tokens, width = content.shape
    size = position.shape[-1]
    shape, dtype = (batch, heads, tokens, width + size), content.dtype
    empty = t.new(shape, dtype, "keys")
    if not t.tracks(content, position):
        return empty

    def fill_content(grad: Tensor) -> Gradients:
        whole = t.new(shape, dtype, "gradient of the keys, copied")
        part = t.new((batch, heads, tokens, width), dtype, "gradient of the heads' part of the keys")
        del whole
        return (part,)

    def fill_position(grad: Tensor) -> Gradients:
        whole = t.new(shape, dtype, "gradient of the keys, copied")
        part = t.new((batch, heads, tokens, size), dtype, "gradient of the shared part of the keys")
        return whole, part

    def spread(grad: Tensor) -> Gradients:
        return (t.new((batch, 1, tokens, size), dtype, "gradient of the shared part, summed over heads"),)

    expanded = t.record(Tensor(None, (batch, heads, tokens, size), dtype), (position.node,), spread)
    filled = t.record(Tensor(None, shape, dtype), (content.node,), fill_content)
    return t.record(empty, (filled.node, expanded.node), fill_position)
