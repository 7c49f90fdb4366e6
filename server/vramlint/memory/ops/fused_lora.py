"""Hand-written LoRA kernels: one autograd function a projection or a gated MLP, which keeps its input and
little else.

Axolotl's kernels/lora.py (which follows Unsloth's kernels/fast_lora.py): base product, then the low-rank
product added
in place; the activation's backward writes over its operands, the input's gradient over the input.
"""

from __future__ import annotations

from vramlint.memory.ops.basic import dropout
from vramlint.memory.ops.linear import Linear, LoraWeights
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor


def fuses(*layers: Linear) -> bool:
    """Whether all of the layers carry a LoRA that the kernels run."""
    return all(layer.lora is not None and layer.lora.fused and layer.lora.run is None for layer in layers)


def lora_of(layer: Linear) -> LoraWeights:
    """The adapter that `fuses` has seen."""
    assert layer.lora is not None
    return layer.lora


def unpacked(t: Tape, layer: Linear, dtype: str) -> Tensor | None:
    """The dequantized weight, where it is quantized."""
    if layer.weight.scheme is None:
        return None
    return t.new(layer.weight.shape, dtype, f"{layer.weight.name}, dequantized")


def product(t: Tape, x: Tensor, layer: Linear, dtype: str, name: str) -> Tensor:
    """matmul_lora: the base product, and the low-rank one added in place."""
    rows, rank = x.shape[:-1], lora_of(layer).a.shape[0]
    weight = unpacked(t, layer, dtype)
    out = t.new((*rows, layer.out_features), dtype, name)
    del weight
    low = t.new((*rows, rank), dtype, "adapter, low rank"), t.new(x.shape, dtype, "adapter input, scaled")
    high = t.new(out.shape, dtype, "adapter output")
    del low, high
    return out


def casts(t: Tape, layers: tuple[Linear, ...], dtype: str) -> list[Tensor]:
    """The low-rank matrices in the compute dtype, kept for backward."""
    factors = [factor for layer in layers for factor in (lora_of(layer).a, lora_of(layer).b)]
    return [t.new(one.shape, dtype, f"{one.name}, cast") for one in factors if one.dtype != dtype]


def trained(layers: tuple[Linear, ...]) -> tuple[Parameter, ...]:
    """The low-rank matrices of all layers."""
    return tuple(factor for layer in layers for factor in (lora_of(layer).a, lora_of(layer).b))


def gradients(t: Tape, parameters: tuple[Parameter, ...], dtype: str) -> Gradients:
    """A gradient in the compute dtype for each."""
    return tuple(t.new(one.shape, dtype, f"gradient of {one.name}") for one in parameters)


def fused_lora(t: Tape, x: Tensor, layer: Linear, name: str) -> Tensor:
    """LoRA_O, and LoRA_QKV for one of its three."""
    dtype, wants = t.autocast or x.dtype, x.node is not None
    dropped = dropout(t, x, lora_of(layer).dropout)
    out = product(t, x, layer, dtype, name)
    if not t.recording:
        return out
    parameters, shape = trained((layer,)), x.shape
    saved = t.save(x, dropped, *casts(t, (layer,), dtype))

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        to_factors = gradients(t, parameters, dtype)
        weight = unpacked(t, layer, dtype)
        to_x = t.new(shape, dtype, f"gradient of {name}'s input") if wants else None
        del weight, held
        return (to_x, *to_factors)

    return t.record(out, (x.node, *parameters), backward)


def fused_gated_mlp(t: Tape, x: Tensor, gate: Linear, up: Linear, down: Linear) -> Tensor:
    """LoRA_MLP: keeps its input and the outputs of gate and up; the product is made again in backward, over
    its own gradient.
    """
    dtype, wants = t.autocast or x.dtype, x.node is not None
    layers = (gate, up, down)
    dropped = dropout(t, x, lora_of(gate).dropout)
    opened = product(t, x, gate, dtype, "gate output"), product(t, x, up, dtype, "up output")
    hidden = t.new(opened[0].shape, dtype, "MLP product")
    out = product(t, hidden, down, dtype, "down output")
    inner = hidden.shape
    del hidden
    if not t.recording:
        return out
    parameters, shape = trained(layers), x.shape
    saved = t.save(x, dropped, *opened, *casts(t, layers, dtype))
    del opened

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        weight = unpacked(t, down, dtype)
        to_product = t.new(inner, dtype, "gradient of the MLP product")
        del weight
        low = t.new(inner, dtype, "gradient of the MLP product through the adapter")
        del low
        to_factors = gradients(t, parameters, dtype)
        # The input's gradient is written over the input where that has the compute dtype.
        (source, *_) = held
        to_x = source.detach() if source.dtype == dtype else t.new(shape, dtype, "gradient of the MLP input")
        del source
        for layer in (up, gate):
            weight = unpacked(t, layer, dtype)
            part = (
                t.new(shape, dtype, "gradient of the MLP input through the gate") if layer is gate else None
            )
            del weight, part
        del held, to_product
        return (to_x if wants else None, *to_factors)

    return t.record(out, (x.node, *parameters), backward)
