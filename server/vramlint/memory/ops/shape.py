"""Splitting, slicing and joining: views forward, copies backward."""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.memory.ledger import Shape
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Tensor


def split(t: Tape, x: Tensor, shapes: Sequence[Shape], name: str) -> tuple[Tensor, ...]:
    """`x.split(...)` or `x.chunk(...)`: views of one storage. Backward waits for all parts and joins their
    gradients in a new tensor (derivatives.yaml, split: grad.cat).
    """
    source = x.node
    if not t.recording or source is None:
        return tuple(Tensor(x.storage, shape, x.dtype) for shape in shapes)
    shape, dtype = x.shape, x.dtype
    arrived: list[Tensor] = []

    def join(grad: Tensor) -> Gradients:
        whole = t.new(shape, dtype, f"gradient of {name}")
        arrived.clear()
        return (whole,)

    joining = t.record(Tensor(None, shape, dtype), (source,), join).node
    token = Tensor(None, shape, dtype)

    def part(grad: Tensor) -> Gradients:
        arrived.append(grad)
        return (token if len(arrived) == 1 else None,)

    return tuple(t.record(Tensor(x.storage, piece, x.dtype), (joining,), part) for piece in shapes)


def piece(t: Tape, x: Tensor, shape: Shape, name: str) -> Tensor:
    """`x[..., a:b]`: a view whose gradient is written into zeros of the whole shape (derivatives.yaml,
    slice).
    """
    out = Tensor(x.storage, shape, x.dtype)
    if t.recording and x.node is not None:
        whole, dtype = x.shape, x.dtype
        t.record(out, (x.node,), lambda grad: (t.new(whole, dtype, f"gradient of {name}, zero-padded"),))
    return out


def join(t: Tape, parts: Sequence[Tensor], shape: Shape, name: str) -> Tensor:
    """`torch.cat(parts)`: a new tensor; the gradients of the parts are views of its gradient."""
    dtype = parts[0].dtype
    out = t.new(shape, dtype, name)
    nodes = tuple(part.node for part in parts)
    if t.recording and any(nodes):
        shapes = tuple(part.shape for part in parts)
        t.record(out, nodes, lambda grad: tuple(grad.detach().view(*part) for part in shapes))
    return out
