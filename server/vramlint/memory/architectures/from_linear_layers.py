"""A layer put together from the linear layers a model is known to have, for architectures that are not
modelled to the operation.

Weights, states and adapters come out exact; what a layer keeps for backward follows from its linear layers'
inputs and outputs, which is most of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from vramlint.catalog.facts import LinearModule
from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.architectures.network import Block, FeedForward, Inputs
from vramlint.memory.ops.attention import AttentionCall, attention
from vramlint.memory.ops.basic import activation, add, mul
from vramlint.memory.ops.embedding import rotary
from vramlint.memory.ops.generic import operation
from vramlint.memory.ops.linear import Linear, linear
from vramlint.memory.ops.norm import Norm, norm
from vramlint.memory.ops.shape import split
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights

QUERY = frozenset({"q_proj", "query", "wq", "to_q"})
KEY = frozenset({"k_proj", "key", "wk", "to_k"})
VALUE = frozenset({"v_proj", "value", "wv", "to_v"})
FUSED = frozenset({"qkv", "Wqkv", "qkv_proj", "query_key_value", "c_attn", "W_pack", "wqkv"})
OUTPUT = frozenset({"o_proj", "out_proj", "dense", "wo", "proj", "c_proj", "Wo"})
MLP = frozenset(
    {"gate_proj", "up_proj", "down_proj", "gate_up_proj", "fc1", "fc2", "fc_in", "fc_out", "w1", "w2", "w3"}
    | {"dense_h_to_4h", "dense_4h_to_h", "linear_fc1", "linear_fc2", "shared_expert_gate"}
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What the linear layers do not say. Without `causal`, attention goes both ways over the rows that come
    in (a vision tower); norms may have no weight.
    """

    hidden: int
    head_size: int
    norm: str = "rms"
    causal: bool = True
    scales: bool = True
    prefix: str = ""


def has_attention(modules: Sequence[LinearModule]) -> bool:
    """Whether these linear layers are an attention's."""
    names = {module.name for module in modules}
    return bool(names & OUTPUT) and (
        bool(names & FUSED) or bool(names & QUERY and names & KEY and names & VALUE)
    )


def layer(shape: Shape, weights: Weights, modules: Sequence[LinearModule], feed: FeedForward | None) -> Block:
    """A pre-norm layer: a mixer of tokens made of all that is not an MLP's, then the MLP and `feed` side by
    side.
    """
    mixing = [module for module in modules if module.name not in MLP]
    feeding = [module for module in modules if module.name in MLP]
    first = plain_norm(shape, weights, 1) if mixing else None
    attend = self_attention(shape, weights, mixing) if has_attention(mixing) else None
    taken = QUERY | KEY | VALUE | FUSED | OUTPUT if attend is not None else frozenset()
    rest = [module for module in mixing if module.name not in taken]
    mix = chain(shape, weights, rest) if rest else None
    second = plain_norm(shape, weights, 2) if feeding or feed else None
    dense = chain(shape, weights, feeding) if feeding else None

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        if first is not None:
            hidden = norm(t, x, first)
            out = attend(t, hidden, inputs) if attend is not None else None
            other = mix(t, hidden) if mix is not None else None
            x = add(t, x, summed(t, out, other))
            del hidden, out, other
        if second is not None:
            hidden = norm(t, x, second)
            out = feed(t, hidden) if feed is not None else None
            other = dense(t, hidden) if dense is not None else None
            x = add(t, x, summed(t, out, other))
        return x

    return run


def plain_norm(shape: Shape, weights: Weights, index: int) -> Norm:
    """The layer's first or second norm."""
    return (
        weights.norm(f"{shape.prefix}norm_{index}", shape.hidden, shape.norm)
        if shape.scales
        else Norm(None, None, shape.norm)
    )


def summed(t: Tape, first: Tensor | None, second: Tensor | None) -> Tensor:
    """The sum of what is there."""
    if first is not None and second is not None:
        return add(t, first, second)
    result = first if first is not None else second
    assert result is not None
    return result


def made(shape: Shape, weights: Weights, module: LinearModule) -> Linear:
    """The linear layer of a module."""
    return weights.linear(
        f"{shape.prefix}{module.name}", module.out_features, module.in_features, module.bias
    )


def self_attention(shape: Shape, weights: Weights, modules: Sequence[LinearModule]) -> Block:
    """Attention with separate or fused projections; what the query has beyond the output's input width is a
    gate.
    """
    found = {module.name: module for module in modules}
    out_module = next(found[name] for name in found if name in OUTPUT)
    width, size = out_module.in_features, shape.head_size
    separate = [next((found[name] for name in found if name in kinds), None) for kinds in (QUERY, KEY, VALUE)]
    projections = [made(shape, weights, module) for module in separate if module is not None]
    fused = next((made(shape, weights, found[name]) for name in found if name in FUSED), None)
    out = made(shape, weights, out_module)
    heads = max(1, width // size)
    kv_width = (fused.out_features - width) // 2 if fused is not None else projections[1].out_features
    kv_heads = max(1, kv_width // size)
    eager = weights.job.attention == "eager"

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        batch, tokens, _ = x.shape
        own, shared = (batch, heads, tokens, size), (batch, kv_heads, tokens, size)
        if fused is not None:
            q, k, v = split(t, linear(t, x, fused), (own, shared, shared), "query, key and value")
        else:
            q = linear(t, x, projections[0]).view(*own)
            k, v = (linear(t, x, projection).view(*shared) for projection in projections[1:])
        tables = inputs.positions.get("rotary")
        if shape.causal and tables is not None and tables[0].shape[-1] == size:
            q, k = rotary(t, q, tables), rotary(t, k, tables)
        call = inputs.calls.get(None) if shape.causal else None
        if call is None:
            wide = (t.autocast or q.dtype) == "float32"
            call = AttentionCall("eager" if eager else "efficient" if wide else "flash")
        context = attention(t, q, k, v, call)
        del q, k, v
        return linear(t, context, out)

    return run


def chain(shape: Shape, weights: Weights, modules: Sequence[LinearModule], back: bool = True) -> FeedForward:
    """Linear layers fed by width: each takes the latest tensor of its input's width; two of one width are an
    activation times the other.
    """
    built = [made(shape, weights, module) for module in modules]
    inner = shape.hidden

    def run(t: Tape, x: Tensor) -> Tensor:
        pool: dict[int, Tensor] = {inner: x}
        last = x
        for one in built:
            wanted, given = one.weight.shape[1], one.out_features
            source = pool.get(wanted)
            if source is None:
                source = operation(
                    t, (last,), (*x.shape[:-1], wanted), last.dtype, "mixer state", keeps=(last,)
                )
            result = linear(t, source, one)
            before = pool.get(given)
            if before is not None and given != inner:
                result = mul(t, activation(t, before), result, "gated product")
            pool[given] = last = result
            del source, before, result
        if back and last.shape[-1] != inner:
            last = (
                pool[inner]
                if pool[inner] is not x
                else operation(t, (last,), x.shape, last.dtype, "mixer output", keeps=(last,))
            )
        return last

    return run
