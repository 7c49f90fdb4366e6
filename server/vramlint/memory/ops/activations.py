"""Activation functions by transformers' names (activations.py, ACT2FN): fused kernels, and those written
out in Python.
"""

from __future__ import annotations

from vramlint.memory.ops.basic import activation, add, cast, mul, scaled
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Tensor

SAVES_OUTPUT = frozenset({"relu", "sigmoid", "tanh"})


def activated(t: Tape, x: Tensor, kind: str) -> Tensor:
    """`ACT2FN[kind](x)`."""
    if kind in ("gelu_new", "gelu_fast"):
        return gelu_new(t, x)
    if kind == "bloom":
        return bloom_gelu(t, x)
    if kind == "relu2":
        return squared(t, activation(t, x, "relu", saves="output"))
    return activation(t, x, kind, saves="output" if kind in SAVES_OUTPUT else "input")


def power(t: Tape, x: Tensor, name: str) -> Tensor:
    """`torch.pow(x, 3.0)`: in float32 under autocast; saves its input. Backward: the lower power, that
    times the exponent, times the gradient.
    """
    if t.autocast:
        x = cast(t, x, "float32", f"{name}, cast by autocast")
    if not (t.recording and x.node is not None):
        return t.new(x.shape, x.dtype, name)
    saved = t.save(x)
    out = t.new(x.shape, x.dtype, name)
    shape, dtype = x.shape, x.dtype

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        lower = t.new(shape, dtype, f"{name}, lower power")
        factor = t.new(shape, dtype, f"{name}, lower power times the exponent")
        result = t.new(shape, dtype, f"gradient of {name}")
        del held, factor, lower
        return (result,)

    return t.record(out, (x.node,), backward)


def gelu_new(t: Tape, x: Tensor) -> Tensor:
    """`0.5 * x * (1 + tanh(c * (x + 0.044715 * x ** 3)))`, operation by operation (activations.py,
    NewGELUActivation.forward).
    """
    half = scaled(t, x, "gelu, half of the input")
    inner = scaled(t, power(t, x, "gelu, cube"), "gelu, cube scaled")
    inner = add(t, x, inner, "gelu, sum")
    inner = scaled(t, inner, "gelu, sum scaled")
    inner = activation(t, inner, "gelu, tanh", saves="output")
    return mul(t, half, shifted(t, inner), "gelu")


def shifted(t: Tape, x: Tensor) -> Tensor:
    """`1.0 + x`: a new tensor, the same gradient."""
    out = t.new(x.shape, x.dtype, "one more")
    if t.recording and x.node is not None:
        t.record(out, (x.node,), lambda grad: (grad,))
    return out


def squared(t: Tape, x: Tensor) -> Tensor:
    """`torch.square(x)`: saves its input (activations.py, ReLUSquaredActivation)."""
    return power(t, x, "square")


def bloom_gelu(t: Tape, x: Tensor) -> Tensor:
    """A function with a backward of its own, both written out in Python; only the input is saved
    (modeling_bloom.py, GeLUFunction).
    """
    saved = t.save(x) if t.recording and x.node is not None else None
    shape, dtype, source = x.shape, x.dtype, x.node
    half = t.new(shape, dtype, "gelu, half of the input")
    inner = t.new(shape, dtype, "gelu, inner part")
    tanh = t.new(shape, dtype, "gelu, tanh")
    del inner
    factor = t.new(shape, dtype, "gelu, one and tanh")
    out = t.new(shape, dtype, "gelu")
    del half, tanh, factor
    if saved is None:
        return out

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        tanh = t.new(shape, dtype, "gelu backward, tanh")
        parts = [t.new(shape, dtype, "gelu backward, a term") for _ in range(3)]
        result = t.new(shape, dtype, "gradient of gelu")
        del held, tanh, parts
        return (result,)

    return t.record(out, (source,), backward)
