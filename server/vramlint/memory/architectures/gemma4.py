"""Gemma 4's text layers: keys and values that later layers share, inputs of each layer's own, experts beside
the MLP.
"""

from __future__ import annotations

from collections.abc import Callable

from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures.decoder_spec import Decoder, LayerKind
from vramlint.memory.architectures.experts import Mixture
from vramlint.memory.architectures.feed_forward import gated
from vramlint.memory.architectures.layers import decoder_norm
from vramlint.memory.architectures.network import Block, FeedForward, Inputs
from vramlint.memory.ops.activations import activated
from vramlint.memory.ops.attention import AttentionCall, attention
from vramlint.memory.ops.basic import add, mul, scaled
from vramlint.memory.ops.embedding import embedding, rotary
from vramlint.memory.ops.generic import operation
from vramlint.memory.ops.linear import linear
from vramlint.memory.ops.norm import Norm, norm
from vramlint.memory.ops.shape import piece
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights

OWN_INPUTS = "own inputs"
SHARED = ("shared keys", "shared values")
FLASH_HEAD = 256


@dataclass(frozen=True, slots=True)
class SharingAttention:
    """Heads of `size`, `kv_heads` of keys. `takes`: no keys of its own, but an earlier layer's of its kind;
    `one_projection`: the key's projection is the value's too.
    """

    size: int
    kv_heads: int
    takes: bool = False
    one_projection: bool = False

    def __call__(self, decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
        """Build the attention of one layer (transformers 5.24, modeling_gemma4.py,
        Gemma4TextAttention.forward).
        """
        heads, size, hidden = decoder.heads, self.size, decoder.hidden
        q_proj = weights.linear("self_attn.q_proj", heads * size, hidden, decoder.qkv_bias)
        q_norm = weights.norm("self_attn.q_norm", size, decoder.norm)
        k_proj = v_proj = k_norm = None
        if not self.takes:
            k_norm = weights.norm("self_attn.k_norm", size, decoder.norm)
            k_proj = weights.linear("self_attn.k_proj", self.kv_heads * size, hidden, decoder.qkv_bias)
            if not self.one_projection:
                v_proj = weights.linear("self_attn.v_proj", self.kv_heads * size, hidden, decoder.qkv_bias)
        o_proj = weights.linear("self_attn.o_proj", hidden, heads * size, decoder.output_bias)
        plain, shared = Norm(None), (self.kv_heads, size)

        def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
            batch, tokens, _ = x.shape
            tables = inputs.positions[kind.positions]
            q = norm(t, linear(t, x, q_proj).view(batch, heads, tokens, size), q_norm)
            q = rotary(t, q, tables)
            call = self._call(inputs.calls[kind.window], heads)
            if k_proj is None or k_norm is None:
                k, v = (inputs.extra[f"{name}, {kind.positions}"] for name in SHARED)
                context = attention(t, q, k, v, call)
                del q, k, v
                return linear(t, context, o_proj)
            k = linear(t, x, k_proj).view(batch, shared[0], tokens, size)
            v = k if v_proj is None else linear(t, x, v_proj).view(batch, shared[0], tokens, size)
            k = rotary(t, norm(t, k, k_norm), tables)
            v = norm(t, v, plain)
            context = attention(t, q, k, v, call)
            del q, k, v
            return linear(t, context, o_proj)

        return run

    def _call(self, call: AttentionCall, heads: int) -> AttentionCall:
        """Heads over 256 elements are too wide for the flash kernel (aten, sdp_utils.cpp)."""
        if call.kernel != "flash" or self.size <= FLASH_HEAD:
            return call
        return replace(call, kernel="efficient" if heads == self.kv_heads else "math")


@dataclass(frozen=True, slots=True)
class Wide:
    """An MLP `times` as wide as the others."""

    times: int

    def __call__(self, decoder: Decoder, weights: Weights) -> FeedForward:
        """Build it."""
        return gated(replace(decoder, intermediate=self.times * decoder.intermediate), weights)


@dataclass(frozen=True, slots=True)
class Gemma4Inputs:
    """What all layers are handed: `width` inputs of its own for each of `layers` layers, from a table of
    `words` rows and from the embedded tokens; and the keys and values that layers share, heads and head size
    by their positions.
    """

    words: int
    width: int
    layers: int
    shared: tuple[tuple[str, int, int], ...]

    def __call__(self, decoder: Decoder, weights: Weights) -> Callable[[Tape, Tensor, Inputs], None]:
        """Build the projections (transformers 5.24, modeling_gemma4.py, get_per_layer_inputs,
        project_per_layer_inputs).
        """
        whole = self.layers * self.width
        table = project = own_norm = None
        if self.width:
            table = weights.parameter("embed_tokens_per_layer.weight", (self.words, whole), "embeddings")
            project = weights.linear("per_layer_model_projection", whole, decoder.hidden)
            own_norm = weights.norm("per_layer_projection_norm", self.width, decoder.norm)
        kept = weights.job.gradient_checkpointing != "none"

        def prepare(t: Tape, x: Tensor, inputs: Inputs) -> None:
            batch, tokens, _ = x.shape
            if table is not None and project is not None and own_norm is not None:
                looked = scaled(t, embedding(t, table, batch, tokens), "own inputs, looked up")
                made = scaled(t, linear(t, x, project), "own inputs, projected")
                made = norm(t, made.view(batch, tokens, self.layers, self.width), own_norm)
                looked = looked.view(*made.shape)
                inputs.extra[OWN_INPUTS] = scaled(t, add(t, made, looked, "own inputs"), "own inputs, scaled")
            for positions, heads, size in self.shared:
                for name in SHARED:
                    shape = (batch, heads, tokens, size)
                    # Without checkpointing the layer that makes them saves them anyway.
                    made = t.new(shape, x.dtype, name) if kept else Tensor(None, shape, x.dtype)
                    if t.recording:
                        t.record(made, (), lambda grad: ())
                    inputs.extra[f"{name}, {positions}"] = made

        return prepare


@dataclass(frozen=True, slots=True)
class Gemma4Layer:
    """Norms before and after each half; with `experts`, these beside the MLP; with `own_inputs`, that many
    inputs of the layer's own after it.
    """

    own_inputs: int
    experts: Mixture | None = None

    def __call__(self, decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
        """Build one layer (transformers 5.24, modeling_gemma4.py, Gemma4TextDecoderLayer.forward)."""
        hidden = decoder.hidden
        norms = [decoder_norm(decoder, weights, 0)]
        attend = kind.attend(decoder, weights, kind)
        norms += [decoder_norm(decoder, weights, index) for index in (1, 2)]
        feed = kind.feed(decoder, weights)
        norms.append(decoder_norm(decoder, weights, 3))
        mix = self.experts(decoder, weights) if self.experts is not None else None
        around = []
        if self.experts is not None:
            names = ("post_feedforward_layernorm_1", "pre_feedforward_layernorm_2")
            around = [weights.norm(name, hidden, decoder.norm) for name in names]
            around.append(weights.norm("post_feedforward_layernorm_2", hidden, decoder.norm))
            weights.parameter("router.scale", (hidden,))
            weights.parameter("router.per_expert_scale", (self.experts.experts,))
        gate = into = last = None
        if self.own_inputs:
            gate = weights.linear("per_layer_input_gate", self.own_inputs, hidden)
            into = weights.linear("per_layer_projection", hidden, self.own_inputs)
            last = weights.norm("post_per_layer_input_norm", hidden, decoder.norm)
        plain = Norm(None)

        def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
            x = add(t, x, norm(t, attend(t, norm(t, x, norms[0]), inputs), norms[1]))
            out = feed(t, norm(t, x, norms[2]))
            if mix is not None:
                out = norm(t, out, around[0])
                # The router has a scaled input of its own.
                routed = norm(t, x, plain)
                routed = operation(
                    t, (routed,), routed.shape, routed.dtype, "router's input, scaled", keeps=(routed,)
                )
                other = norm(t, mix(t, norm(t, x, around[1])), around[2])
                out = add(t, out, other, "MLP and experts")
                del other, routed
            x = add(t, x, norm(t, out, norms[3]))
            del out
            if gate is not None and into is not None and last is not None:
                opened = activated(t, linear(t, x, gate), decoder.activation)
                whole = inputs.extra[OWN_INPUTS]
                own = piece(t, whole, (*x.shape[:-1], self.own_inputs), "the layer's own input")
                opened = mul(t, opened, own, "gated input of the layer")
                x = add(t, x, norm(t, linear(t, opened, into), last))
                del opened, own, whole
            return in_place(t, x)

        return run


def in_place(t: Tape, x: Tensor) -> Tensor:
    """`x *= layer_scalar`: the same bytes, a gradient of its own."""
    out = Tensor(x.storage, x.shape, x.dtype)
    if t.recording and x.node is not None:
        shape, dtype = x.shape, x.dtype
        t.record(out, (x.node,), lambda grad: (t.new(shape, dtype, "gradient of the layer's output"),))
    return out
