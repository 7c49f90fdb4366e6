"""Matrix products with weights: plain, under autocast, quantized, and with LoRA around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.ledger import numel
from vramlint.memory.ops.basic import add, cast, copied, dropout, promoted, scaled
from vramlint.memory.ops.int8 import int8_matmul
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor, Whole


@dataclass(slots=True)
class LoraWeights:
    """The two matrices that PEFT puts beside a linear layer, and how it runs them."""

    a: Parameter
    b: Parameter
    dropout: float
    quantized_base: bool = False
    clones: bool = True
    """The output of a quantized base is cloned first, as PEFT does over 4 bits."""
    fused: bool = False
    more: tuple[Parameter, ...] = ()
    """Trained tensors of adapters that have others than two matrices."""
    hadamard: bool = False
    """LoHa: the update is the product of two low-rank matrices, element by element."""
    run: AdapterRun | None = None
    """How it runs, where that is not LoRA's way; `before` what it does to the layer's input."""
    before: Callable[[Tape, Tensor, Linear], Tensor] | None = None
    whole: Callable[[Tape, Tensor, Linear, str], Tensor] | None = None
    """A kernel that runs layer and adapter as one."""


@dataclass(slots=True)
class Linear:
    """A linear layer: weight [out, in], an optional bias, an optional adapter."""

    weight: Parameter
    bias: Parameter | None = None
    lora: LoraWeights | None = None
    eight_bit: bool = False
    """The weight is LLM.int8's, which has a product of its own."""

    @property
    def out_features(self) -> int:
        """Width of its output."""
        return self.weight.shape[0]


AdapterRun: TypeAlias = Callable[[Tape, Tensor, Tensor, Linear, str], Tensor]
"""Input, base output, the layer and its name to the output with the adapter."""


def autocast_weight(t: Tape, weight: Parameter, dtype: str) -> Tensor | Parameter:
    """The weight in autocast's dtype. Casts of leaves that want a gradient are cached until autocast ends,
    others are made at each use (aten/src/ATen/autocast_mode.cpp, cached_cast).
    """
    if weight.dtype == dtype:
        return weight
    if weight.trainable:
        key = (t.ledger.segment, weight)
        found = t.cast_cache.get(key)
        if found is None:
            found = t.cast_cache[key] = t.new(weight.shape, dtype, f"{weight.name}, cast by autocast")
        return found
    return t.new(weight.shape, dtype, f"{weight.name}, cast by autocast")


def matmul(t: Tape, x: Tensor, weight: Parameter, bias: Parameter | None, name: str) -> Tensor:
    """`F.linear(x, weight, bias)`: saves the input for the weight's gradient, the weight for the input's."""
    source, held_weight = x, weight
    if t.autocast:
        x = cast(t, x, t.autocast, f"{name} input, cast by autocast")
        cast_weight = autocast_weight(t, weight, t.autocast)
        dtype = t.autocast
    else:
        cast_weight = weight
        dtype = promoted(x.dtype, weight.dtype)
    shape = (*x.shape[:-1], weight.shape[0])
    trains_bias = bias is not None and bias.trainable
    if not (t.recording and (x.node is not None or weight.trainable or trains_bias)):
        return t.new(shape, dtype, name)
    wants_input = x.node is not None
    saved = None
    if wants_input or weight.trainable:
        kept = t.kept_input(x, not weight.of_adapter) if weight.trainable else None
        saved = t.save(kept, cast_weight if wants_input else None)
        del kept
    del cast_weight
    out = t.new(shape, dtype, name)
    input_shape = x.shape
    gathers = isinstance(x, Whole) and weight.trainable

    def backward(grad: Tensor) -> Gradients:
        held = saved.open() if saved is not None else None
        again = t.new(input_shape, dtype, "input of all ranks, gathered again") if gathers else None
        to_input = t.new(input_shape, dtype, f"gradient of {name}'s input") if wants_input else None
        to_weight = (
            t.new(held_weight.shape, dtype, f"gradient of {held_weight.name}")
            if held_weight.trainable
            else None
        )
        to_bias = (
            t.new(bias.shape, dtype, f"gradient of {bias.name}") if bias is not None and trains_bias else None
        )
        del held, again
        return to_weight, to_bias, to_input

    del source
    parents = weight if weight.trainable else None, bias if trains_bias else None, x.node
    return t.product(t.record(out, parents, backward), 2 * numel(out.shape) * weight.shape[1])


def quantized_matmul(
    t: Tape, x: Tensor, weight: Parameter, bias: Parameter | None, compute: str, name: str
) -> Tensor:
    """A matrix product with a frozen 4-bit weight: dequantized for a moment, forward and again backward;
    saves only the packed weight (bitsandbytes 0.50, autograd/_functions.py MatMul4Bit; nn/modules.py
    Linear4bit casts to the compute dtype and back).
    """
    given = x.dtype
    x = cast(t, x, compute, f"{name} input, cast")
    unpacked = t.new(weight.shape, compute, f"{weight.name}, dequantized")
    out = t.new((*x.shape[:-1], weight.shape[0]), compute, name)
    del unpacked
    if t.recording and x.node is not None:
        saved = t.save(x if t.keeps_quantized_input else None, weight)
        shape = x.shape

        def backward(grad: Tensor) -> Gradients:
            saved.open()
            unpacked = t.new(weight.shape, compute, f"{weight.name}, dequantized")
            result = t.new(shape, compute, f"gradient of {name}'s input")
            del unpacked
            return (result,)

        t.record(out, (x.node,), backward)
    return cast(t, out, given, f"{name}, cast back")


def linear(t: Tape, x: Tensor, layer: Linear, name: str = "") -> Tensor:
    """The layer's output, adapter included (peft 0.21.2, tuners/lora/layer.py Linear.forward; bnb.py
    Linear4bit.forward).
    """
    name = name or f"{layer.weight.name.removesuffix('.weight')} output"
    scheme = layer.weight.scheme
    if layer.lora is not None and layer.lora.whole is not None:
        return layer.lora.whole(t, x, layer, name)
    if layer.lora is not None and layer.lora.before is not None:
        x = layer.lora.before(t, x, layer)
    if scheme is None:
        result = matmul(t, x, layer.weight, layer.bias, name)
    elif layer.eight_bit:
        result = int8_matmul(t, x, layer.weight, name)
    else:
        result = quantized_matmul(t, x, layer.weight, layer.bias, scheme, name)
    if layer.lora is None or layer.lora.before is not None:
        return result
    if layer.lora.run is not None:
        return layer.lora.run(t, x, result, layer, name)
    return adapted(t, x, result, layer.lora, name)


def adapted(t: Tape, given: Tensor, result: Tensor, lora: LoraWeights, name: str) -> Tensor:
    """`result + B(A(dropout(x))) * scaling`. `given` stays alive to the end, as the arguments of a module's
    call do.
    """
    x, dtype = given, result.dtype
    if lora.quantized_base:
        if lora.clones:
            result = copied(t, result, f"{name}, cloned by the adapter")
        if not t.autocast:
            x = cast(t, x, lora.a.dtype, "adapter input")
    else:
        x = cast(t, x, lora.a.dtype, "adapter input")
    low = matmul(t, dropout(t, x, lora.dropout), lora.a, None, "adapter, low rank")
    high = scaled(t, matmul(t, low, lora.b, None, "adapter output"), "adapter output, scaled")
    del low
    if lora.quantized_base and not t.autocast:
        high = cast(t, high, dtype, "adapter output, cast")
    result = add(t, result, high, f"{name} with adapter")
    del high
    return cast(t, result, dtype, f"{name}, cast back")
