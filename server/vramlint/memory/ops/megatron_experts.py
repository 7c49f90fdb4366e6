"""A mixture's experts in Megatron-Core (0.13 and later; transformer/moe/experts.py, TEGroupedMLP)."""

from __future__ import annotations

from functools import partial

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.checkpointing import without_output
from vramlint.memory.ops.activations import activated
from vramlint.memory.ops.basic import cast
from vramlint.memory.ops.experts import StackedWeight, add_biases, expert_product, weigh
from vramlint.memory.ops.generic import operation
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Parameter, Tensor


@dataclass(frozen=True, slots=True)
class MegatronExperts:
    """The weights of a layer's experts, and how they are run."""

    up: StackedWeight
    down: StackedWeight
    kind: str
    """The activation."""
    gates: bool
    weighs_input: bool
    """Routing weights are multiplied in before the first product (moe_apply_probs_on_input)."""


def megatron_experts(t: Tape, x: Tensor, scores: Tensor, experts: MegatronExperts) -> Tensor:
    """Tokens [tokens, hidden] sorted by expert, two grouped products, summed back. The routing weights
    `scores` [tokens, top k] are multiplied in with the activation or before, so that what comes of the second
    product is not kept.
    """
    tokens, width = x.shape
    rows = tokens * scores.shape[1]
    order = t.new((rows,), "int64", "order of the rows")
    chosen = operation(t, (x,), (rows, width), x.dtype, "tokens, sorted by expert", keeps=(order,))
    weight = operation(t, (scores,), (rows,), scores.dtype, "routing weights, sorted", keeps=(order,))
    if experts.weighs_input:
        chosen = cast(t, weigh(t, chosen, weight), x.dtype, "tokens, weighted")
        weight = weight.detach()
    cached: list[Parameter | Tensor] = []
    both = expert_product(t, chosen, experts.up, cached, "experts' up projection")
    biases = add_biases(t, both, experts.up)
    del chosen
    run = partial(_weighted, kind=experts.kind, gates=experts.gates)
    (inner,) = without_output(t, "expert_activation", run, both, weight)
    del both, weight
    out = expert_product(t, inner, experts.down, cached, "experts' down projection")
    biases = add_biases(t, out, experts.down)
    del inner, biases, cached
    return operation(t, (out,), (tokens, width), x.dtype, "expert outputs, summed", keeps=(order,))


def _weighted(t: Tape, both: Tensor, weight: Tensor, kind: str, gates: bool) -> tuple[Tensor]:
    """One kernel that keeps what it is given and makes its gradient anew (fusions/fused_bias_swiglu.py,
    WeightedSwiGLUFunction); without a gate the activation is kept too, in float32 as the weights are.
    """
    if not gates:
        return (cast(t, weigh(t, activated(t, both, kind), weight), both.dtype, "expert product"),)
    half = (*both.shape[:-1], both.shape[-1] // 2)
    return (operation(t, (both, weight), half, both.dtype, "expert product", keeps=(both, weight)),)
