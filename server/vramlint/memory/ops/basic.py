"""Elementwise operations (torch/csrc/autograd, derivatives.yaml: what it saves; ATen: what it allocates)."""

from __future__ import annotations

from vramlint.memory.ledger import DTYPE_BYTES
from vramlint.memory.regions import Saved
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Tensor


def promoted(first: str, second: str) -> str:
    """The dtype of a result over two dtypes (torch.promote_types for floating types)."""
    if first == second:
        return first
    if "float32" in (first, second) or {first, second} == {"bfloat16", "float16"}:
        return "float32"
    return first if DTYPE_BYTES[first] >= DTYPE_BYTES[second] else second


def cast(t: Tape, x: Tensor, dtype: str, name: str = "cast") -> Tensor:
    """`x.to(dtype)`: a copy unless it has that dtype already; saves nothing, its gradient is cast back."""
    if x.dtype == dtype:
        return x
    out = t.new(x.shape, dtype, name)
    if t.recording and x.node is not None:
        t.record(out, (x.node,), lambda grad: (grad,))
    return out


def copied(t: Tape, x: Tensor, name: str) -> Tensor:
    """`x.clone()` or `.contiguous()` of a tensor that is not: the same bytes again."""
    out = t.new(x.shape, x.dtype, name)
    if t.recording and x.node is not None:
        shape, dtype = x.shape, x.dtype
        t.record(out, (x.node,), lambda grad: (grad.view(*shape),) if grad.dtype == dtype else (grad,))
    return out


def add(t: Tape, a: Tensor, b: Tensor, name: str = "residual sum") -> Tensor:
    """`a + b`: saves nothing, hands the same gradient to both."""
    out = t.new(a.shape, promoted(a.dtype, b.dtype), name)
    if t.recording and (a.node is not None or b.node is not None):
        t.record(out, (a.node, b.node), lambda grad: (grad, grad.detach()))
    return out


def add_in_place(t: Tape, a: Tensor, b: Tensor) -> Tensor:
    """`a += b`: the bytes of `a`, the same gradient for both."""
    out = Tensor(a.storage, a.shape, a.dtype)
    if t.recording and (a.node is not None or b.node is not None):
        t.record(out, (a.node, b.node), lambda grad: (grad, grad.detach()))
    return out


def add_broadcast(t: Tape, a: Tensor, b: Tensor, name: str) -> Tensor:
    """`a + b` where `b` has fewer elements: its gradient is summed to its shape."""
    out = t.new(a.shape, promoted(a.dtype, b.dtype), name)
    if t.recording and (a.node is not None or b.node is not None):
        shape, dtype, wants = b.shape, out.dtype, b.node is not None
        t.record(
            out,
            (a.node, b.node),
            lambda grad: (grad, t.new(shape, dtype, f"gradient of {name}, summed") if wants else None),
        )
    return out


def mul(t: Tape, a: Tensor, b: Tensor, name: str = "product") -> Tensor:
    """`a * b` of two tensors of one shape: each is saved for the other's gradient."""
    dtype = promoted(a.dtype, b.dtype)
    if not (t.recording and (a.node is not None or b.node is not None)):
        return t.new(a.shape, dtype, name)
    saved = t.save(b if a.node is not None else None, a if b.node is not None else None)
    out = t.new(a.shape, dtype, name)
    wants = a.node is not None, b.node is not None
    shape = a.shape

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        first = t.new(shape, dtype, f"gradient of {name}") if wants[0] else None
        second = t.new(shape, dtype, f"gradient of {name}") if wants[1] else None
        del held
        return first, second

    return t.record(out, (a.node, b.node), backward)


def mul_broadcast(t: Tape, a: Tensor, b: Tensor, name: str = "product") -> Tensor:
    """`a * b` where `b` has fewer elements: its gradient is as large as `a` before it is summed."""
    dtype = promoted(a.dtype, b.dtype)
    if not (t.recording and (a.node is not None or b.node is not None)):
        return t.new(a.shape, dtype, name)
    saved = t.save(b if a.node is not None else None, a if b.node is not None else None)
    out = t.new(a.shape, dtype, name)
    wants, shape, small = (a.node is not None, b.node is not None), a.shape, b.shape

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        first = t.new(shape, dtype, f"gradient of {name}") if wants[0] else None
        whole = t.new(shape, dtype, f"gradient of {name} before the sum") if wants[1] else None
        second = t.new(small, dtype, f"gradient of {name}, summed") if wants[1] else None
        del held, whole
        return first, second

    return t.record(out, (a.node, b.node), backward)


def scaled(t: Tape, x: Tensor, name: str = "scaled") -> Tensor:
    """`x * number` (or `/`): saves nothing, a new tensor both ways."""
    out = t.new(x.shape, x.dtype, name)
    if t.recording and x.node is not None:
        shape, dtype = x.shape, x.dtype
        t.record(out, (x.node,), lambda grad: (t.new(shape, dtype, f"gradient of {name}"),))
    return out


def activation(t: Tape, x: Tensor, name: str = "silu", saves: str = "input", temporaries: int = 0) -> Tensor:
    """A fused activation: saves its input (silu, gelu, relu2) or its output (relu, tanh, sigmoid).
    `temporaries`: further copies its backward makes.
    """
    tracked = t.recording and x.node is not None
    if t.compiled:
        return _fused_activation(t, x, tracked)
    saved: Saved | None = t.save(x) if tracked and saves == "input" else None
    out = t.new(x.shape, x.dtype, name)
    if not tracked:
        return out
    if saved is None:
        saved = t.save(out.detach())
    keep, shape, dtype = saved, x.shape, x.dtype

    def backward(grad: Tensor) -> Gradients:
        held = keep.open()
        extra = [t.new(shape, dtype, f"{name} temporary") for _ in range(temporaries)]
        result = t.new(shape, dtype, f"gradient of {name}")
        del held, extra
        return (result,)

    return t.record(out, (x.node,), backward)


def _fused_activation(t: Tape, x: Tensor, tracked: bool) -> Tensor:
    """An activation that torch.compile fuses into what follows: it has no output of its own, and keeps its
    input.
    """
    out = Tensor(None, x.shape, x.dtype)
    if tracked:
        saved = t.save(x)
        shape, dtype = x.shape, x.dtype

        def backward(grad: Tensor) -> Gradients:
            saved.open()
            return (t.new(shape, dtype, "gradient of a fused activation"),)

        t.record(out, (x.node,), backward)
    return out


def dropout(t: Tape, x: Tensor, p: float) -> Tensor:
    """native_dropout on CUDA: the output, and a mask of one byte an element that is saved; the identity at p
    = 0.
    """
    if p <= 0 or not t.recording:
        return x
    out = t.new(x.shape, x.dtype, "dropout")
    mask = t.new(x.shape, "bool", "dropout mask")
    if x.node is None:
        return out
    saved = t.save(mask)
    del mask
    shape, dtype = x.shape, x.dtype

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        result = t.new(shape, dtype, "gradient of dropout")
        del held
        return (result,)

    return t.record(out, (x.node,), backward)
