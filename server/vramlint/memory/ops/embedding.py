"""Token embeddings and rotary positions."""

from __future__ import annotations

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.ops.basic import cast, promoted
from vramlint.memory.ops.liger import liger_rotary
from vramlint.memory.ops.shape import join, piece
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor


def embedding(t: Tape, weight: Parameter, batch: int, tokens: int) -> Tensor:
    """`F.embedding`: keeps only the indices; its gradient is dense, as large as the table."""
    out = t.new((batch, tokens, weight.shape[1]), weight.dtype, "embedded tokens")
    if not (t.recording and weight.trainable):
        return out
    shape, dtype = weight.shape, weight.dtype

    def backward(grad: Tensor) -> Gradients:
        return (t.new(shape, dtype, f"gradient of {weight.name}"),)

    return t.record(out, (weight,), backward)


def token_embedding(t: Tape, weight: Parameter, batch: int, tokens: int, last: bool) -> Tensor:
    """The embedded tokens; a leaf that wants a gradient where the trainer asks for that. `last`: they are
    the first layer's input.
    """
    out = embedding(t, weight, batch, tokens)
    return t.leaf(out, held=True) if out.node is None and t.inputs_want_gradients and not last else out


def rotary_tables(t: Tape, tokens: int, size: int, dtype: str) -> tuple[Tensor, Tensor]:
    """cos and sin for every position, [1, tokens, head size], in the dtype of the hidden states."""
    angles = t.new((1, tokens, size), "float32", "rotary angles")
    cos, sin = (
        t.new((1, tokens, size), dtype, "rotary cosines"),
        t.new((1, tokens, size), dtype, "rotary sines"),
    )
    del angles
    return cos, sin


def rotary(t: Tape, x: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
    """`x * cos + rotate_half(x) * sin`: nothing of x is kept, cos and sin need no gradient
    (modeling_llama.py, apply_rotary_pos_emb).

    With float32 cos and sin (float32 residual stream) the result is float32.
    """
    shape, dtype = x.shape, promoted(x.dtype, tables[0].dtype)
    half = (*shape[:-1], shape[-1] // 2)
    first = t.new(shape, dtype, "rotary, cosine part")
    negated = t.new(half, x.dtype, "rotary, negated half")
    turned = t.new(shape, x.dtype, "rotary, turned half")
    del negated
    second = t.new(shape, dtype, "rotary, sine part")
    del turned
    out = t.new(shape, dtype, "rotated")
    del first, second
    if not (t.recording and x.node is not None):
        return out
    source = x.dtype
    held = t.save(*tables)

    def backward(grad: Tensor) -> Gradients:
        held.open()
        turned = t.new(shape, dtype, "rotary gradient, sine part")
        if source != dtype:
            turned = t.new(shape, source, "rotary gradient, cast")
        halves = t.new(half, source, "rotary gradient, half")
        spread = t.new(shape, source, "rotary gradient, half padded")
        other = t.new(shape, source, "rotary gradient, other half padded")
        del turned, halves
        total = t.new(shape, source, "rotary gradient, halves summed")
        del spread, other
        direct = t.new(shape, dtype, "rotary gradient, cosine part")
        if source != dtype:
            direct = t.new(shape, source, "rotary gradient, cast")
        result = t.new(shape, source, "rotary gradient")
        del total, direct
        return (result,)

    return t.record(out, (x.node,), backward)


@dataclass(frozen=True, slots=True)
class RotaryStyle:
    """How a family applies its tables. All rotate in the same number of bytes; they differ in dtypes and in
    who makes the tables.

    `tables_fp32`: cosines and sines stay float32; `upcast`: query and key are cast to float32 first;
    `own_tables`: each layer repeats the tables for its pairs of elements.
    """

    tables_fp32: bool = False
    upcast: bool = False
    own_tables: bool = False


ROTARY_STYLES = {
    "half": RotaryStyle(),
    "fp32-tables": RotaryStyle(tables_fp32=True),
    "fp32": RotaryStyle(upcast=True),
    "pairs": RotaryStyle(own_tables=True),
    "pairs-fp32": RotaryStyle(tables_fp32=True, upcast=True, own_tables=True),
}
"""Llama; OLMo 1, 2, 3; Cohere; GLM; ERNIE 4.5."""


def rotated(
    t: Tape, q: Tensor, k: Tensor, tables: tuple[Tensor, Tensor], style: str
) -> tuple[Tensor, Tensor]:
    """Query and key with their positions, in whole heads or in the part that the tables cover
    (modeling_gpt_neox.py, apply_rotary_pos_emb).
    """
    size, habit, given = tables[0].shape[-1], ROTARY_STYLES[style], q.dtype
    if "rope" in t.liger and style == "half":
        return liger_rotary(t, q, k, tables)
    if habit.own_tables:
        tables = (
            t.new(tables[0].shape, tables[0].dtype, "rotary cosines of the layer"),
            t.new(tables[1].shape, tables[1].dtype, "rotary sines of the layer"),
        )
    if habit.upcast:
        q, k = cast(t, q, "float32", "query in float32"), cast(t, k, "float32", "key in float32")
    if size == q.shape[-1]:
        q, k = rotary(t, q, tables), rotary(t, k, tables)
    else:
        parts = [
            piece(t, x, (*x.shape[:-1], width), "a part of query or key")
            for x in (q, k)
            for width in (size, x.shape[-1] - size)
        ]
        turned = rotary(t, parts[0], tables), rotary(t, parts[2], tables)
        q, k = (
            join(t, (turned[0], parts[1]), q.shape, "query, joined"),
            join(t, (turned[1], parts[3]), k.shape, "key, joined"),
        )
        del parts, turned
    if style != "half" and q.dtype != given:
        q, k = cast(t, q, given, "query, cast back"), cast(t, k, given, "key, cast back")
    return q, k
