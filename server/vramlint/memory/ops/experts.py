"""Mixture of experts: routing tokens, and running every expert on its own (transformers 5.23,
integrations/moe.py).
"""

from __future__ import annotations

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.ledger import DTYPE_BYTES
from vramlint.memory.ops.activations import activated, shifted
from vramlint.memory.ops.basic import activation, add, cast, dropout, mul, promoted, scaled
from vramlint.memory.ops.generic import operation
from vramlint.memory.ops.liger import liger_glu
from vramlint.memory.ops.linear import LoraWeights
from vramlint.memory.ops.shape import split
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor


@dataclass(slots=True)
class StackedWeight:
    """One projection of all experts: a weight [experts, out, in], an optional bias [experts, out], an
    optional adapter (PEFT's ParamWrapper). `unpacked`: the dtype to which a packed weight is unpacked whole.
    """

    weight: Parameter
    bias: Parameter | None = None
    lora: LoraWeights | None = None
    unpacked: str | None = None
    indexed: bool = False
    """Each expert's weight is taken out by a tensor of indices: a copy, which the product keeps, and whose
    gradient begins as zeros of the whole.
    """
    beside: bool = False
    """Each expert's adapter runs beside the product, on the expert's rows, as in Megatron's grouped layers
    (mcore_bridge 1.6, tuners/lora.py); PEFT adds it to the weights.
    """

    @property
    def dtype(self) -> str:
        """Of the weight that a product takes."""
        return self.unpacked or self.weight.dtype


def unpacked(t: Tape, layer: StackedWeight) -> Tensor:
    """All experts of a packed weight, as a parametrization returns them at each access (bitsandbytes 0.50.2,
    nn/parametrize.py; in 8 bits backends/default, int8_vectorwise_dequant: a float32 product of codes and
    scales, times a number).
    """
    weight, dtype = layer.weight, layer.dtype
    scaled = t.new(weight.shape, dtype, f"{weight.name}, times its scales") if dtype == "float32" else None
    out = t.new(weight.shape, dtype, f"{weight.name}, unpacked")
    del scaled
    return out


def with_delta(t: Tape, layer: StackedWeight) -> Parameter | Tensor:
    """The weight the product takes: unpacked where it is packed, and with an adapter, the sum of base and
    low-rank update for all experts at once.

    peft 0.21.2 adds the two factors in one baddbmm (tuners/lora/layer.py, ParamWrapper.get_delta_factors), so
    that every forward pass makes a tensor as
    large as all experts' weights, which the product then keeps for backward.
    """
    lora, weight = layer.lora, layer.weight
    base = weight if layer.unpacked is None else unpacked(t, layer)
    if lora is None:
        return base
    dtype = layer.dtype
    factors = [factor_cast(t, factor, dtype) for factor in (lora.b, lora.a)]
    saved = t.save(*factors) if t.recording else None
    out = t.new(weight.shape, dtype, f"{weight.name} with adapter")
    del base
    if saved is None:
        return out
    nodes = tuple(factor.node for factor in factors)
    shapes = [factor.shape for factor in factors]
    del factors

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        results = tuple(t.new(shape, dtype, f"gradient of {weight.name}'s adapter") for shape in shapes)
        del held
        return results

    return t.record(out, nodes, backward)


def factor_cast(t: Tape, factor: Parameter, dtype: str) -> Tensor:
    """A low-rank factor in the dtype of the base weight."""
    out = (
        t.new(factor.shape, dtype, f"{factor.name}, cast")
        if factor.dtype != dtype
        else Tensor(None, factor.shape, dtype)
    )
    if t.recording and factor.trainable:
        t.record(out, (factor,), lambda grad: (grad,))
    return out


def grouped_matmul(t: Tape, x: Tensor, layer: StackedWeight, weight: Parameter | Tensor, name: str) -> Tensor:
    """`F.grouped_mm(x.to(weight.dtype), weight)`: rows sorted by expert; autocast does not reach it.

    Saves its input for the weight's gradient and the weight for the input's (derivatives.yaml, _grouped_mm).
    """
    base, dtype = layer.weight, layer.dtype
    x = cast(t, x, dtype, f"{name} input, cast")
    trains = weight.trainable if isinstance(weight, Parameter) else weight.node is not None
    flows = x.node is not None
    shape, given, target = (x.shape[0], base.shape[1]), x.shape, base.shape
    if not (t.recording and (flows or trains)):
        return t.new(shape, dtype, name)
    copies = t.new(target, dtype, f"{base.name}, copied expert by expert") if layer.indexed else None
    saved = t.save(t.kept_input(x) if trains else None, weight if flows else None, copies)
    del copies
    parent = weight if isinstance(weight, Parameter) else weight.node
    del weight
    if base.scheme is not None and layer.unpacked is None:
        t.scratch(2 * base.numel / base.shape[0], f"{base.name}, one expert dequantized")
    out = t.new(shape, dtype, name)

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        to_input = t.new(given, dtype, f"gradient of {name}'s input") if flows else None
        to_weight = t.new(target, dtype, f"gradient of {base.name}") if trains else None
        if trains and layer.indexed:
            t.scratch(DTYPE_BYTES[dtype] * base.numel, f"gradient of one expert in zeros of {base.name}")
        del held
        return to_weight, to_input

    out = t.record(out, (parent if trains else None, x.node), backward)
    return t.product(out, 2 * x.shape[0] * base.shape[1] * base.shape[2])


def with_adapter_beside(t: Tape, x: Tensor, layer: StackedWeight, name: str) -> Tensor:
    """The product, and beside it that of each expert's adapter, which is added."""
    out = grouped_matmul(t, x, layer, layer.weight, name)
    lora = layer.lora
    if lora is None:
        return out
    dropped = dropout(t, x, lora.dropout)
    low = grouped_matmul(t, dropped, StackedWeight(lora.a), lora.a, "experts' adapters, low rank")
    del dropped
    high = scaled(
        t,
        grouped_matmul(t, low, StackedWeight(lora.b), lora.b, "experts' adapters"),
        "experts' adapters, scaled",
    )
    del low
    return add(t, out, high, f"{name} with adapters")


def add_biases(t: Tape, x: Tensor, layer: StackedWeight) -> Tensor | None:
    """`x.add_(bias[expert of each row])`: the gathered biases, which a local variable holds on to."""
    bias = layer.bias
    if bias is None:
        return None
    rows = Tensor(None, bias.shape, bias.dtype)
    if t.recording and bias.trainable:
        t.record(rows, (bias,), lambda grad: (grad,))
    gathered = operation(t, (rows,), x.shape, bias.dtype, "biases of each row's expert")
    if t.recording and (x.node is not None or gathered.node is not None):
        t.record(x, (x.node, gathered.node), lambda grad: (grad, grad.detach()))
    return gathered


def gated(t: Tape, both: Tensor, kind: str) -> Tensor:
    """`act(gate) * up` of the two halves of one tensor."""
    half = (*both.shape[:-1], both.shape[-1] // 2)
    gate, up = split(t, both, (half, half), "gate and up")
    if "swiglu" in t.liger and kind == "silu":
        return liger_glu(t, gate, up)
    if kind == "clamped":
        return clamped_gate(t, gate, up)
    return mul(t, activated(t, gate, kind), up, "expert product")


def clamped_gate(t: Tape, gate: Tensor, up: Tensor) -> Tensor:
    """gpt-oss: `(clamp(up) + 1) * clamp(gate) * sigmoid(1.702 * clamp(gate))` (modeling_gpt_oss.py,
    _apply_gate); the halves are interleaved views.
    """
    shape, dtype = gate.shape, gate.dtype
    gate = operation(t, (gate,), shape, dtype, "gate, clamped", keeps=(gate,))
    up = operation(t, (up,), shape, dtype, "up, clamped", keeps=(up,))
    sigmoid = activation(
        t, operation(t, (gate,), shape, dtype, "gate, scaled"), "sigmoid of the gate", saves="output"
    )
    glu = mul(t, gate, sigmoid, "gate times sigmoid")
    del sigmoid
    return mul(t, shifted(t, up), glu, "expert product")


def grouped_experts(
    t: Tape, x: Tensor, scores: Tensor, up: StackedWeight, down: StackedWeight, kind: str, gates: bool = True
) -> Tensor:
    """grouped_mm_experts_forward: tokens [tokens, hidden] copied to their experts, two grouped products,
    weighted and summed back.

    `scores` [tokens, top k] are the routing weights. Local variables live as long as they do there.
    """
    tokens, width = x.shape
    top = scores.shape[1]
    rows = tokens * top
    given = x.dtype
    sorted_ids = t.new((rows,), "int64", "expert of each row"), t.new((rows,), "int64", "order of the rows")
    index = t.new((rows,), "int64", "token of each row")
    chosen = operation(t, (x,), (rows, width), x.dtype, "tokens, sorted by expert", keeps=(index,))
    del index
    weight = operation(t, (scores,), (rows,), scores.dtype, "routing weights, sorted", keeps=(sorted_ids[1],))
    # PEFT computes each adapted weight once to check it, then keeps it cached until the experts have run.
    for layer in (down, up):
        if layer.lora is not None and not layer.beside:
            t.new(layer.weight.shape, layer.dtype, f"{layer.weight.name} with adapter, checked")
    cached: list[Parameter | Tensor] = []
    out = expert_product(t, chosen, up, cached, "experts' up projection")
    biases = add_biases(t, out, up)
    out = gated(t, out, kind) if gates else activated(t, out, kind)
    biases = None
    out = expert_product(t, out, down, cached, "experts' down projection")
    biases = add_biases(t, out, down)
    weighted = weigh(t, out, weight)
    restored = t.new((rows,), "int64", "order of the rows, inverted")
    back = operation(
        t,
        (weighted,),
        weighted.shape,
        weighted.dtype,
        "expert outputs, in the tokens' order",
        keeps=(restored,),
    )
    del weighted
    total = operation(t, (back,), (tokens, width), back.dtype, "expert outputs, summed")
    final = cast(t, total, given, "expert outputs, cast back")
    del back, out, chosen, weight, biases, restored, sorted_ids, cached
    return final


def expert_product(
    t: Tape, x: Tensor, layer: StackedWeight, cached: list[Parameter | Tensor], name: str
) -> Tensor:
    """Rows sorted by expert times the experts' weights and adapters; `cached` holds sums of the two."""
    if layer.beside:
        return with_adapter_beside(t, x, layer, name)
    cached.append(with_delta(t, layer))
    return grouped_matmul(t, x, layer, cached[-1], name)


def weigh(t: Tape, x: Tensor, weight: Tensor) -> Tensor:
    """`x * weight.unsqueeze(-1)`: the weight's gradient is summed from a tensor of x's shape."""
    dtype = promoted(x.dtype, weight.dtype)
    shape = x.shape
    if not t.tracks(x, weight):
        return t.new(shape, dtype, "expert outputs, weighted")
    wants = x.node is not None, weight.node is not None
    saved = t.save(weight if wants[0] else None, x if wants[1] else None)
    scores = weight.shape, weight.dtype

    out = t.new(shape, dtype, "expert outputs, weighted")
    sums = Tensor(None, shape, dtype)
    if wants[1]:
        t.record(sums, (weight.node,), lambda grad: (t.new(*scores, "gradient of the routing weights"),))

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        to_x = t.new(shape, dtype, "gradient of the expert outputs") if wants[0] else None
        to_weight = (
            t.new(shape, dtype, "gradient of the routing weights before the sum") if wants[1] else None
        )
        del held
        return to_x, to_weight

    return t.record(out, (x.node, sums.node), backward)
