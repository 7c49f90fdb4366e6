"""Experts as transformers ran them before version 5: linear layers each, one expert after the other."""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.ops.activations import activated
from vramlint.memory.ops.basic import cast, mul
from vramlint.memory.ops.experts import weigh
from vramlint.memory.ops.generic import operation
from vramlint.memory.ops.liger import liger_glu
from vramlint.memory.ops.linear import Linear, linear
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Tensor


@dataclass(slots=True)
class ExpertLinears:
    """The three linear layers of one expert."""

    gate: Linear
    up: Linear
    down: Linear


def looped_experts(
    t: Tape, x: Tensor, scores: Tensor, experts: Sequence[ExpertLinears], count: int, kind: str
) -> Tensor:
    """MixtralSparseMoeBlock.forward of transformers 4.48, tokens spread evenly over the experts.

    `experts` are those that are walked: all of them, or where there are many, groups of equal ones. `count`
    is how
    many there are.
    """
    tokens, width = x.shape
    top = scores.shape[1]
    rows = -(-tokens * top // len(experts))
    scores = cast(t, scores, x.dtype, "routing weights, cast")
    total = t.new((tokens, width), x.dtype, "expert outputs, summed")
    mask = t.new((tokens, top, count), "int64", "which expert each token goes to")
    for expert in experts:
        index = t.new((rows,), "int64", "tokens of an expert")
        state = operation(t, (x,), (rows, width), x.dtype, "tokens of an expert", keeps=(index,))
        if "swiglu" in t.liger:
            hidden = liger_glu(t, linear(t, state, expert.gate), linear(t, state, expert.up))
        else:
            gate = activated(t, linear(t, state, expert.gate), kind)
            hidden = mul(t, gate, linear(t, state, expert.up), "expert product")
            del gate
        hidden = linear(t, hidden, expert.down)
        weight = operation(
            t, (scores,), (rows,), scores.dtype, "routing weights of an expert", keeps=(index,)
        )
        hidden = cast(t, weigh(t, hidden, weight), x.dtype, "expert output, cast back")
        add_rows(t, total, hidden, index)
    del mask
    return total


def add_rows(t: Tape, total: Tensor, part: Tensor, index: Tensor) -> None:
    """`total.index_add_(0, index, part)`: in place; the gradient of the part is gathered from the total's."""
    if not t.tracks(total, part):
        return
    saved = t.save(index)
    shape, dtype = part.shape, part.dtype

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        gathered = t.new(shape, dtype, "gradient of an expert's output")
        del held
        return grad, gathered

    t.record(total, (total.node, part.node), backward)
