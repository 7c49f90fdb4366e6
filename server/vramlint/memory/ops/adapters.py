"""Adapters other than plain LoRA: what each adds to the output of a linear layer (peft 0.21.2,
tuners/*/layer.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.memory.ledger import Shape
from vramlint.memory.ops.basic import add, cast, copied, dropout, scaled
from vramlint.memory.ops.embedding import embedding
from vramlint.memory.ops.experts import weigh
from vramlint.memory.ops.linear import AdapterRun, Linear, matmul
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor


def vector(t: Tape, parameter: Parameter) -> Tensor:
    """A trained vector as a tensor that operations take."""
    out = Tensor(None, parameter.shape, parameter.dtype)
    if t.recording and parameter.trainable:
        t.record(out, (parameter,), lambda grad: (grad,))
    return out


def with_dora(t: Tape, given: Tensor, result: Tensor, layer: Linear, name: str) -> Tensor:
    """DoRA: the base output and the low-rank output scaled by magnitude over norm (tuners/lora/dora.py,
    DoraLinearLayer.forward).

    The norm is that of the whole updated weight, made anew in every forward pass: four tensors of the
    weight's shape
    in the adapter's dtype coexist. With dropout the base product is computed a second time.
    """
    lora = layer.lora
    assert lora is not None
    (magnitude,) = lora.more
    dtype, kind = result.dtype, lora.a.dtype
    if lora.quantized_base:
        result = copied(t, result, f"{name}, cloned by the adapter")
    x = cast(t, given, kind, "adapter input")
    dropped = dropout(t, x, lora.dropout)
    update, wide = updated_weight_norm(t, layer)
    low = matmul(t, dropped, lora.a, None, "adapter, low rank")
    high = matmul(t, low, lora.b, None, "adapter output")
    del low
    if lora.dropout > 0 and t.recording:
        base = frozen_product(t, dropped, layer, wide, f"{name}, again")
    elif layer.bias is not None:
        base = scaled(t, result, f"{name} without bias")
    else:
        base = result
    factor = vector(t, magnitude)
    first = weigh(t, base, factor)
    second = scaled(t, weigh(t, high, factor), "adapter output, scaled")
    extra = add(t, first, second, "DoRA output")
    del first, second, high, update, wide, base
    result = add(t, result, extra, f"{name} with adapter")
    del extra
    return cast(t, result, dtype, f"{name}, cast back")


def updated_weight_norm(t: Tape, layer: Linear) -> tuple[list[Tensor], Tensor | None]:
    """The norm of base weight plus update. Returns what local variables hold to the end, and the base weight
    where it was cast.
    """
    lora, weight = layer.lora, layer.weight
    assert lora is not None
    kind = lora.a.dtype
    compute = t.autocast or kind
    inputs = weight.shape[-1]
    held: list[Tensor] = []
    identity = t.new((inputs, inputs), kind, "identity matrix")
    held.append(t.new((inputs, inputs), compute, "identity matrix, cast") if compute != kind else identity)
    low = t.new(weight.shape, compute, "update of the weight")
    del identity
    held.append(t.new(weight.shape, kind, "update of the weight, cast") if compute != kind else low)
    del low
    cast_weight = weight.scheme is not None or weight.dtype != kind
    wide = t.new(weight.shape, kind, f"{weight.name} in {kind}") if cast_weight else None
    step = t.new(weight.shape, kind, "update of the weight, scaled")
    total = t.new(weight.shape, kind, "updated weight")
    del step, total
    return held, wide


def frozen_product(t: Tape, x: Tensor, layer: Linear, wide: Tensor | None, name: str) -> Tensor:
    """`F.linear(x, weight)` with the base weight as `wide`, where it was cast to the input's dtype."""
    weight = layer.weight
    if wide is None:
        return matmul(t, x, weight, None, name)
    if t.autocast:
        return matmul(t, x, Parameter(weight.name, weight.shape, x.dtype, False), None, name)
    return product_with(t, x, wide, (*x.shape[:-1], layer.out_features))


def with_vera(t: Tape, given: Tensor, result: Tensor, layer: Linear, name: str) -> Tensor:
    """VeRA: two frozen random matrices shared by all layers, two trained vectors a layer
    (tuners/vera/layer.py, Linear.forward).
    """
    lora = layer.lora
    assert lora is not None
    inner, outer = lora.more
    dtype = result.dtype
    x = cast(t, given, inner.dtype, "adapter input")
    first = Parameter("vera_A", (lora.a.shape[0], given.shape[-1]), lora.a.dtype, False)
    second = Parameter("vera_B", (layer.out_features, lora.a.shape[0]), lora.b.dtype, False)
    low = weigh(t, matmul(t, dropout(t, x, lora.dropout), first, None, "adapter, low rank"), vector(t, inner))
    high = weigh(t, matmul(t, low, second, None, "adapter output"), vector(t, outer))
    del low
    result = add(t, result, high, f"{name} with adapter")
    del high
    return cast(t, result, dtype, f"{name}, cast back")


def with_ia3(t: Tape, given: Tensor, result: Tensor, layer: Linear, name: str) -> Tensor:
    """IA3: the output times one trained number a feature (tuners/ia3/layer.py, Linear.forward)."""
    assert layer.lora is not None
    dtype = result.dtype
    result = weigh(t, result, vector(t, layer.lora.a))
    return cast(t, result, dtype, f"{name}, cast back")


def ia3_input(t: Tape, x: Tensor, layer: Linear) -> Tensor:
    """IA3 on a feed-forward's last layer: its input times one trained number a feature."""
    assert layer.lora is not None
    dtype = x.dtype
    x = weigh(t, cast(t, x, layer.lora.a.dtype, "adapter input"), vector(t, layer.lora.a))
    return cast(t, x, dtype, "scaled input, cast back")


def with_whole_update(t: Tape, given: Tensor, result: Tensor, layer: Linear, name: str) -> Tensor:
    """LoHa and LoKr: an update as large as the weight is made, and multiplied with the input
    (tuners/lycoris_utils.py).
    """
    lora = layer.lora
    assert lora is not None
    dtype, kind = given.dtype, lora.a.dtype
    compute = t.autocast if t.autocast and lora.hadamard else kind
    shape: Shape = layer.weight.shape
    parts = (lora.a, lora.b, *lora.more)
    pieces = [t.new(shape, compute, "update of the weight, part") for _ in range(2 if lora.hadamard else 1)]
    product = t.new(shape, compute, "update of the weight, product") if lora.hadamard else None
    delta = t.new(shape, compute, "update of the weight")
    del pieces, product
    hadamard = lora.hadamard

    def backward(grad: Tensor) -> Gradients:
        scaled_grad = t.new(shape, grad.dtype, "gradient of the update, scaled")
        if hadamard:
            other = t.new(shape, kind, "other part of the update")
            both = t.new(shape, kind, "gradient of a part of the update")
            del other, both
        results = tuple(t.new(part.shape, part.dtype, f"gradient of {part.name}") for part in parts)
        del scaled_grad
        return results

    if t.recording:
        t.record(delta, parts, backward)
    x = cast(t, given, compute, "adapter input")
    if t.autocast:
        x, delta = cast(t, x, t.autocast, "adapter input, cast"), cast(t, delta, t.autocast, "update, cast")
    high = product_with(t, x, delta, (*x.shape[:-1], layer.out_features))
    del delta
    result = add(t, result, high, f"{name} with adapter")
    del high
    return cast(t, result, dtype, f"{name}, cast back")


def product_with(t: Tape, x: Tensor, weight: Tensor, shape: Shape) -> Tensor:
    """`F.linear(x, weight)` with a weight that was just computed."""
    if not t.tracks(x, weight):
        return t.new(shape, x.dtype, "adapter output")
    wants = x.node is not None, weight.node is not None
    saved = t.save(weight if wants[0] else None, x if wants[1] else None)
    sides, dtype = (x.shape, weight.shape), x.dtype
    out = t.new(shape, dtype, "adapter output")

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        results = tuple(
            t.new(side, dtype, "gradient of the adapter's product") if want else None
            for side, want in zip(sides, wants, strict=True)
        )
        del held
        return results

    return t.record(out, (x.node, weight.node), backward)


def adapted_embedding(t: Tape, x: Tensor, first: Parameter, second: Parameter) -> Tensor:
    """LoRA on the embedding: rows of one factor, times the other (tuners/lora/layer.py, Embedding)."""
    dtype = x.dtype
    low = embedding(t, first, x.shape[0], x.shape[1])
    high = scaled(t, matmul(t, low, second, None, "adapter output"), "adapter output, scaled")
    del low
    result = add(t, x, high, "embedded tokens with adapter")
    del high
    return cast(t, result, dtype, "embedded tokens, cast back")


RUNS: Mapping[str, AdapterRun] = {
    "dora": with_dora,
    "vera": with_vera,
    "ia3": with_ia3,
    "loha": with_whole_update,
    "lokr": with_whole_update,
}
"""How each method's adapter runs; LoRA itself is in ops/linear.py."""
