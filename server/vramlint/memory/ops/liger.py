"""Liger's kernels in a layer (liger-kernel 0.8.5, ops/): what each saves, and what its backward overwrites.

Their small buffers of partial sums (one row a multiprocessor) are left out.
"""

from __future__ import annotations

from vramlint.memory.ops.basic import copied
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Tensor


def liger_glu(t: Tape, gate: Tensor, up: Tensor) -> Tensor:
    """LigerSiLUMulFunction and LigerGELUMulFunction (ops/swiglu.py, ops/geglu.py): one kernel that keeps gate
    and up, over which backward writes their gradients.
    """
    out = t.new(gate.shape, gate.dtype, "MLP product")
    if not t.tracks(gate, up):
        return out
    saved = t.save(gate, up)
    wants = gate.node is not None, up.node is not None

    def backward(grad: Tensor) -> Gradients:
        first, second = saved.open()
        return (first.detach() if wants[0] else None), (second.detach() if wants[1] else None)

    return t.record(out, (gate.node, up.node), backward)


def liger_glu_of_halves(t: Tape, gate: Tensor, up: Tensor) -> Tensor:
    """The same over two halves of one tensor, which are copied to lie in one piece (ops/utils.py,
    ensure_contiguous).
    """
    return liger_glu(t, copied(t, gate, "gate, in one piece"), copied(t, up, "up, in one piece"))


def liger_rotary(t: Tape, q: Tensor, k: Tensor, tables: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """LigerRopeFunction (ops/rope.py): query and key are turned where they lie, and so are their gradients;
    the tables are kept.
    """
    return _turned(t, q, tables), _turned(t, k, tables)


def _turned(t: Tape, x: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
    out = Tensor(x.storage, x.shape, x.dtype)
    if not t.tracks(x):
        return out
    saved = t.save(*tables)

    def backward(grad: Tensor) -> Gradients:
        saved.open()
        return (grad,)

    return t.record(out, (x.node,), backward)
