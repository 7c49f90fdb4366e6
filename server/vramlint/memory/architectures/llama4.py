"""Llama 4's text layers: every expert runs over all tokens, weighted before; norms on query and key without
weights; layers without positions.
"""

from __future__ import annotations

from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures.decoder_spec import Decoder, LayerKind
from vramlint.memory.architectures.experts import Mixture
from vramlint.memory.architectures.feed_forward import gated as gated_mlp
from vramlint.memory.architectures.network import Block, FeedForward, Inputs
from vramlint.memory.ops.attention import attention, batched_matmul
from vramlint.memory.ops.basic import activation, cast, mul
from vramlint.memory.ops.experts import weigh
from vramlint.memory.ops.generic import operation
from vramlint.memory.ops.latent import rotary_complex
from vramlint.memory.ops.linear import linear
from vramlint.memory.ops.norm import Norm, norm
from vramlint.memory.ops.shape import split
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Parameter, Tensor
from vramlint.memory.weights import Weights


@dataclass(frozen=True, slots=True)
class DenseMixture:
    """Experts that all see every token (modeling_llama4.py, Llama4TextMoe.forward). `width`: intermediate
    size of each, and of the shared one.
    """

    experts: int
    width: int

    def grouped(self) -> Mixture:
        """As Megatron runs them: each token goes to one expert, multiplied with its routing weight before
        (NeMo 2.5, collections/llm/gpt/model/llama.py, Llama4ExpertConfig).
        """
        return Mixture(
            self.experts,
            1,
            self.width,
            "sigmoid",
            shared=self.width,
            shared_name="feed_forward.shared_expert",
            prefix="feed_forward",
            router_name="feed_forward.router",
            weighs_input=True,
        )

    def __call__(self, decoder: Decoder, weights: Weights) -> FeedForward:
        """Build the block for one layer of `decoder`."""
        if weights.job.runtime == "megatron":
            return self.grouped()(decoder, weights)
        hidden, count, width = decoder.hidden, self.experts, self.width
        router = weights.linear("feed_forward.router", count, hidden)
        up = weights.parameter("feed_forward.experts.gate_up_proj", (count, hidden, 2 * width))
        down = weights.parameter("feed_forward.experts.down_proj", (count, width, hidden))
        names = {
            f"mlp.{name}": f"feed_forward.shared_expert.{name}"
            for name in ("gate_proj", "up_proj", "down_proj")
        }
        shared = gated_mlp(replace(decoder, intermediate=width, names=names), weights)

        def run(t: Tape, x: Tensor) -> Tensor:
            batch, tokens, _ = x.shape
            rows = batch * tokens
            flat = x.view(rows, hidden)
            logits = linear(t, flat, router)
            scores = routing_scores(t, logits)
            repeated = operation(
                t, (flat,), (count * rows, hidden), flat.dtype, "tokens, repeated for all experts"
            )
            routed = weigh(t, repeated, scores.view(count * rows))
            del repeated
            both = product(
                t, routed.view(count, rows, hidden), up, (count, rows, 2 * width), "experts' gate and up"
            )
            half = (count, rows, width)
            gate, value = split(t, both, (half, half), "gate and up")
            inner = mul(t, value, activation(t, gate), "expert product")
            del both, gate, value
            out = product(t, inner, down, (count, rows, hidden), "experts' output")
            del inner
            beside = shared(t, flat)
            total = operation(t, (out,), (rows, hidden), out.dtype, "experts' outputs, summed")
            result = add_in_place(t, beside, total)
            del logits, scores, routed, out, total
            return result.view(batch, tokens, hidden)

        return run


def routing_scores(t: Tape, logits: Tensor) -> Tensor:
    """Sigmoid of the chosen logits, all others minus infinity before it."""
    filled = operation(t, (logits,), logits.shape, logits.dtype, "router logits of the chosen")
    wide = cast(t, filled, "float32", "router logits in float32")
    return cast(t, activation(t, wide, "router scores", saves="output"), logits.dtype, "router scores, cast")


def product(t: Tape, x: Tensor, weight: Parameter, shape: tuple[int, ...], name: str) -> Tensor:
    """`torch.bmm(x, weight)` with a parameter."""
    dtype = t.autocast or x.dtype
    x = cast(t, x, dtype, f"{name} input, cast")
    cast_weight = t.new(weight.shape, dtype, f"{weight.name}, cast") if weight.dtype != dtype else None
    wrapped = Tensor(None if cast_weight is None else cast_weight.storage, weight.shape, dtype)
    if t.recording and weight.trainable:
        t.record(wrapped, (weight,), lambda grad: (grad,))
    return batched_matmul(t, x, wrapped, shape, name)


def add_in_place(t: Tape, x: Tensor, other: Tensor) -> Tensor:
    """`x.add_(other)`."""
    out = Tensor(x.storage, x.shape, x.dtype)
    if t.tracks(x, other):
        t.record(out, (x.node, other.node), lambda grad: (grad, grad.detach()))
    return out


def turned_attention(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """Projections, complex rotary positions where the layer has any, norms after them (modeling_llama4.py,
    Llama4TextAttention.forward).
    """
    heads, kv_heads, size = decoder.heads, decoder.kv_heads, decoder.head_size
    q_proj = weights.linear("self_attn.q_proj", heads * size, decoder.hidden, decoder.qkv_bias)
    k_proj = weights.linear("self_attn.k_proj", kv_heads * size, decoder.hidden, decoder.qkv_bias)
    v_proj = weights.linear("self_attn.v_proj", kv_heads * size, decoder.hidden, decoder.qkv_bias)
    o_proj = weights.linear("self_attn.o_proj", decoder.hidden, heads * size, decoder.output_bias)
    plain = Norm(None)
    positions, normed = bool(kind.positions), decoder.qk_norm == "turned"

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        batch, tokens, _ = x.shape
        q = linear(t, x, q_proj).view(batch, heads, tokens, size)
        k = linear(t, x, k_proj).view(batch, kv_heads, tokens, size)
        v = linear(t, x, v_proj).view(batch, kv_heads, tokens, size)
        if positions:
            q, k = rotary_complex(t, q), rotary_complex(t, k)
            if normed:
                q, k = norm(t, q, plain), norm(t, k, plain)
        elif decoder.query_scale:
            scaled = operation(t, (q,), q.shape, "float32", "query, scaled by its position")
            q = cast(t, scaled, q.dtype, "query, scaled by its position")
            del scaled
        context = attention(t, q, k, v, inputs.calls[kind.window])
        del q, k, v
        return linear(t, context, o_proj)

    return run
