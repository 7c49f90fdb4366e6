"""Attention: the kernels PyTorch has, and the eager formula of transformers.

Query has the shape [batch, query heads, tokens, head size]; key and value have their own number of heads.
"""

from __future__ import annotations

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.checkpointing import checkpoint
from vramlint.memory.ledger import DTYPE_BYTES
from vramlint.memory.ops.basic import add, add_broadcast, cast, copied, dropout, scaled
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Tensor


def up(value: int, step: int) -> int:
    """`value` rounded up to a multiple of `step`."""
    return -(-value // step) * step


@dataclass(slots=True)
class AttentionCall:
    """How a layer calls attention. `mask` is the tensor handed in (None: causal by flag); `window` the
    sliding window in tokens.
    """

    kernel: str
    mask: Tensor | None = None
    dropout: float = 0.0
    softcap: bool = False
    bias: Tensor | None = None
    """A learned bias on the scores, [1, query heads, tokens, tokens], kept as [1, tokens, tokens, query
    heads].
    """
    softmax_fp32: bool = True
    """Eager attention asks for a float32 softmax; without, it has the scores' dtype (float32 under
    autocast).
    """
    scores_fp32: bool = False
    """Query and key are cast to float32 before their product (GPT-J)."""
    scales: bool = True
    """The scores are scaled by an operation of their own (BLOOM's baddbmm scales inside)."""
    repeats: bool = False
    """Key and value are copied to all query heads before the kernel."""
    packs: bool = False
    """Query, key and value are copied so that each head lies in one piece, and so does the flash kernel's
    output, which is copied back.
    """


def attention(t: Tape, q: Tensor, k: Tensor, v: Tensor, call: AttentionCall) -> Tensor:
    """The context [batch, tokens, query heads × value head size] for one call."""
    if "core_attention" in t.modules_apart and t.region is None and t.refill is None:
        return checkpoint(t, lambda t, q, k, v: _attention(t, q, k, v, call), q, k, v)
    layer = t.compiled_layer
    if layer is None:
        return _attention(t, q, k, v, call)
    if t.breaks_graphs:
        layer.enters()
    out = _attention(t, q, k, v, call)
    if t.breaks_graphs:
        layer.leaves(out.node)
        return out
    rows = q.shape[0] * q.shape[1] * q.shape[2]
    return t.product(out, 2 * rows * k.shape[2] * (q.shape[-1] + v.shape[-1]))


def _attention(t: Tape, q: Tensor, k: Tensor, v: Tensor, call: AttentionCall) -> Tensor:
    if call.kernel == "eager":
        return eager(t, q, k, v, call)
    mask = call.mask
    grouped = k.shape[1] != q.shape[1]
    if call.repeats or mask is not None:
        k, v = repeated(t, k, q.shape[1]), repeated(t, v, q.shape[1])
    if call.packs:
        q = copied(t, q, "query, packed")
        if not grouped:
            k, v = copied(t, k, "key, packed"), copied(t, v, "value, packed")
    if call.bias is not None:
        mask = biased_mask(t, call.bias, mask)
    if t.autocast:
        q, k, v = (cast(t, x, t.autocast, "attention input, cast by autocast") for x in (q, k, v))
        if mask is not None and mask.dtype != "bool":
            mask = cast(t, mask, t.autocast, "position bias, cast by autocast")
    kernel = call.kernel
    if mask is not None or (kernel != "math" and v.shape[-1] != q.shape[-1] and kernel == "efficient"):
        k, v = repeated(t, k, q.shape[1]), repeated(t, v, q.shape[1])
    if kernel == "math":
        return math_attention(t, q, k, v, call)
    context = fused(t, q, k, v, call, mask)
    if call.packs and kernel == "flash":
        return copied(t, context, "attention output, tokens first")
    return context


def biased_mask(t: Tape, bias: Tensor, mask: Tensor | None) -> Tensor:
    """The bias with the mask in it, laid out for the kernel (integrations/sdpa_attention.py,
    create_position_bias_mask).
    """
    if mask is not None:
        chosen = t.new(bias.shape, bias.dtype, "position bias under the mask")
        if t.recording and bias.node is not None:
            saved, shape, dtype = t.save(mask), bias.shape, bias.dtype

            def backward(grad: Tensor) -> Gradients:
                saved.open()
                return (t.new(shape, dtype, "gradient of the position bias under the mask"),)

            t.record(chosen, (bias.node,), backward)
        bias = chosen
    return copied(t, bias, "position bias, laid out")


def repeated(t: Tape, x: Tensor, heads: int) -> Tensor:
    """transformers' repeat_kv: key or value copied to all query heads; a single head is a view, as many
    heads stay what they are.
    """
    batch, own, tokens, size = x.shape
    if own == heads:
        return x
    if own == 1:
        out = Tensor(x.storage, (batch, heads, tokens, size), x.dtype)
    else:
        out = t.new((batch, heads, tokens, size), x.dtype, "key or value, repeated to all heads")
    if t.recording and x.node is not None:
        shape, dtype = x.shape, x.dtype
        t.record(
            out, (x.node,), lambda grad: (t.new(shape, dtype, "gradient of key or value, summed over heads"),)
        )
    return out


def fused(
    t: Tape, q: Tensor, k: Tensor, v: Tensor, call: AttentionCall, mask: Tensor | None = None
) -> Tensor:
    """Flash and memory-efficient kernels: q, k, v, the output and one float32 log-sum-exp a row are saved.

    Scratch in backward: flash accumulates dq in float32, rows rounded to 128, head size to 32, and for
    grouped-query attention holds dk and dv for all query heads
    (aten/src/ATen/native/transformers/cuda/flash_attn/flash_api.cpp, mha_bwd); the memory-efficient kernel
    accumulates dq in float32 where the operands are 16 bit (attention_backward.cu).
    """
    batch, heads, tokens, size = q.shape
    own, keys, value_size = k.shape[1], k.shape[2], v.shape[-1]
    flash = call.kernel == "flash"
    source = None if mask is None else mask.node
    mask_shape = None if mask is None else mask.shape
    if mask is not None and mask.dtype == "bool":
        # The kernels add a mask to the scores, so one of booleans is written out as 0 and -inf first.
        mask = t.new((batch, *mask.shape[1:]), q.dtype, "attention mask, as the kernel takes it")
    tracked = t.tracks(q, k, v)
    saved = t.save(q, k, v, mask) if tracked else None
    out = t.new((batch, tokens, heads, value_size), q.dtype, "attention output")
    lse = t.new((batch, heads, tokens if flash else up(tokens, 32)), "float32", "attention log-sum-exp")
    del mask
    result = out.view(batch, tokens, heads * value_size)
    if saved is None:
        return result
    outputs = t.save(out.detach(), lse)
    del out, lse
    dtype = q.dtype

    def backward(grad: Tensor) -> Gradients:
        held = saved.open(), outputs.open()
        dq = t.new((batch, heads, tokens, size), dtype, "gradient of the query")
        dk = t.new((batch, own, keys, size), dtype, "gradient of the key")
        dv = t.new((batch, own, keys, value_size), dtype, "gradient of the value")
        scratch: list[Tensor] = []
        if flash:
            rows = up(tokens, 128)
            scratch.append(t.new((batch, heads, rows), "float32", "attention backward, row sums"))
            scratch.append(
                t.new((batch, heads, rows, up(size, 32)), "float32", "attention backward, query accumulator")
            )
            if own != heads:
                # Each query head writes its own dk and dv; the heads of a group are summed afterwards.
                scratch.append(
                    t.new((batch, heads, keys, size), dtype, "attention backward, key gradient of all heads")
                )
                scratch.append(
                    t.new(
                        (batch, heads, keys, value_size),
                        dtype,
                        "attention backward, value gradient of all heads",
                    )
                )
        else:
            scratch.append(t.new((batch, heads, tokens), "float32", "attention backward, row sums"))
            if DTYPE_BYTES[dtype] < 4:
                scratch.append(
                    t.new(
                        (batch, heads, up(tokens, 64), up(size, 32)),
                        "float32",
                        "attention backward, query accumulator",
                    )
                )
        to_mask = None
        if source is not None and mask_shape is not None:
            whole = t.new((batch, heads, tokens, keys), dtype, "gradient of the attention bias, by sequence")
            to_mask = t.new(mask_shape, dtype, "gradient of the attention bias")
            del whole
        del scratch, held
        return dq, dk, dv, to_mask

    return t.record(result, (q.node, k.node, v.node, source), backward)


def batched_matmul(t: Tape, a: Tensor, b: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    """`torch.matmul` of two batched tensors: saves each for the other's gradient."""
    if not t.tracks(a, b):
        return t.new(shape, a.dtype, name)
    saved = t.save(b if a.node is not None else None, a if b.node is not None else None)
    out = t.new(shape, a.dtype, name)
    first, second, dtype = a.shape, b.shape, a.dtype
    wants = a.node is not None, b.node is not None

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        to_a = t.new(first, dtype, f"gradient of {name}, left") if wants[0] else None
        to_b = t.new(second, dtype, f"gradient of {name}, right") if wants[1] else None
        del held
        return to_a, to_b

    return t.record(out, (a.node, b.node), backward)


def softmax(t: Tape, x: Tensor, dtype: str, name: str) -> Tensor:
    """Softmax computed and returned in `dtype`; saves its result. Its backward makes the gradient, and a
    cast one where `x` has another dtype.
    """
    out = t.new(x.shape, dtype, name)
    if not (t.recording and x.node is not None):
        return out
    saved = t.save(out.detach())
    shape = x.shape

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        result = t.new(shape, dtype, f"gradient of {name}")
        del held
        return (result,)

    return t.record(out, (x.node,), backward)


def _batched(t: Tape, x: Tensor, name: str) -> Tensor:
    """A head-transposed tensor as torch.matmul flattens it: a copy, unless the batch has one row and batch
    and heads merge in place.
    """
    return copied(t, x, f"{name}, flattened for the product") if x.shape[0] > 1 else x


def eager(t: Tape, q: Tensor, k: Tensor, v: Tensor, call: AttentionCall) -> Tensor:
    """eager_attention_forward of modeling_llama.py: every score matrix exists, the softmax in float32."""
    batch, heads, tokens, _ = q.shape
    keys, value_size = k.shape[2], v.shape[-1]
    given = q.dtype
    repeats = k.shape[1] not in (1, heads)
    k, v = repeated(t, k, heads), repeated(t, v, heads)
    full = (batch, heads, tokens, keys)
    if call.scores_fp32:
        q, k = cast(t, q, "float32", "query in float32"), cast(t, k, "float32", "key in float32")
    dtype = t.autocast or q.dtype
    left, right = cast(t, q, dtype, "query, cast"), cast(t, k, dtype, "key, cast")
    left = _batched(t, left, "query")
    if not repeats:
        right = _batched(t, right, "key")
    scores = batched_matmul(t, left, right, full, "attention scores")
    if call.scales:
        scores = scaled(t, scores, "attention scores, scaled")
    del left, right
    if call.softcap:
        from vramlint.memory.ops.basic import activation

        scores = scaled(t, scores, "attention scores over the cap")
        scores = activation(t, scores, "tanh of the attention scores", saves="output")
        scores = scaled(t, scores, "attention scores, capped")
    if call.bias is not None:
        scores = add_broadcast(t, scores, call.bias, "attention scores, biased")
    if call.mask is not None:
        scores = add(t, scores, call.mask, "attention scores, masked")
    weights = softmax(
        t, scores, "float32" if call.softmax_fp32 or t.autocast else scores.dtype, "attention weights, exact"
    )
    del scores
    weights = cast(t, weights, given, "attention weights")
    weights = dropout(t, weights, call.dropout)
    dtype = t.autocast or given
    values = cast(t, v, dtype, "value, cast")
    if not repeats:
        values = _batched(t, values, "value")
    weights = cast(t, weights, dtype, "attention weights, cast")
    context = batched_matmul(t, weights, values, (batch, heads, tokens, value_size), "attention context")
    del weights, values
    return copied(t, context, "attention output").view(batch, tokens, heads * value_size)


def math_attention(t: Tape, q: Tensor, k: Tensor, v: Tensor, call: AttentionCall) -> Tensor:
    """SDPA's unfused path (aten/src/ATen/native/transformers/attention.cpp,
    _scaled_dot_product_attention_math).
    """
    batch, heads, tokens, _ = q.shape
    keys, value_size, given = k.shape[2], v.shape[-1], q.dtype
    full = (batch, heads, tokens, keys)
    k, v = repeated(t, k, heads), repeated(t, v, heads)
    q, k, v = (cast(t, x, "float32", "attention input in float32") for x in (q, k, v))
    mask = call.mask or t.new((tokens, keys), "float32", "causal mask")
    q = scaled(t, q, "query, scaled")
    k = scaled(t, k, "key, scaled")
    scores = batched_matmul(t, _batched(t, q, "query"), k, full, "attention scores")
    del q, k, mask
    weights = softmax(t, scores, "float32", "attention weights")
    del scores
    context = batched_matmul(t, weights, v, (batch, heads, tokens, value_size), "attention context")
    del weights, v
    context = cast(t, context, given, "attention context, cast back")
    return copied(t, context, "attention output").view(batch, tokens, heads * value_size)
