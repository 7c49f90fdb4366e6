"""Linear attention by the gated delta rule (Qwen3-Next, Qwen3.5), on transformers' plain PyTorch path or on
flash-linear-attention's kernels.
"""

from __future__ import annotations

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.architectures.decoder_spec import Decoder, LayerKind
from vramlint.memory.architectures.network import Block, Inputs
from vramlint.memory.architectures.short_convolution import causal_convolution
from vramlint.memory.ops.adapters import vector
from vramlint.memory.ops.basic import activation, add_broadcast, cast, copied, mul, mul_broadcast
from vramlint.memory.ops.delta_rule import delta_rule
from vramlint.memory.ops.fla import kernel_convolution, kernel_delta_rule
from vramlint.memory.ops.generic import operation
from vramlint.memory.ops.linear import linear
from vramlint.memory.ops.norm import Norm, norm
from vramlint.memory.ops.shape import join, split
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Parameter, Tensor
from vramlint.memory.weights import Weights


@dataclass(frozen=True, slots=True)
class GatedDelta:
    """Sizes of the heads. `fused`: Qwen3-Next's two projections, which lie group by group and are put in
    order; else Qwen3.5's four.
    """

    key_heads: int
    value_heads: int
    key_size: int
    value_size: int
    width: int
    """Tokens that the convolution sees."""
    fused: bool = False

    def __call__(self, decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
        """Build the mixer of one layer (transformers 5.24, modeling_qwen3_next.py,
        Qwen3NextGatedDeltaNet.forward; modeling_qwen3_5.py).
        """
        hidden = decoder.hidden
        keys, values = self.key_heads * self.key_size, self.value_heads * self.value_size
        channels = 2 * keys + values
        kernel = weights.parameter("linear_attn.conv1d.weight", (channels, 1, self.width))
        if self.fused:
            into = weights.linear("linear_attn.in_proj_qkvz", channels + values, hidden)
            gates = [weights.linear("linear_attn.in_proj_ba", 2 * self.value_heads, hidden)]
        else:
            into = weights.linear("linear_attn.in_proj_qkv", channels, hidden)
            gates = [weights.linear("linear_attn.in_proj_z", values, hidden)]
            gates += [
                weights.linear(f"linear_attn.in_proj_{name}", self.value_heads, hidden) for name in "ba"
            ]
        bias = weights.parameter("linear_attn.dt_bias", (self.value_heads,))
        base = weights.parameter("linear_attn.A_log", (self.value_heads,))
        out_norm = weights.norm("linear_attn.norm", self.value_size)
        out_proj = weights.linear("linear_attn.out_proj", hidden, values)

        def ordered(t: Tape, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
            """Projections of queries, keys and values together, of z, b and a; the fused ones whole."""
            rows = x.shape[:-1]
            whole, small = linear(t, x, into), linear(t, x, gates[0])
            parts = split(
                t, whole, ((*rows, keys), (*rows, keys), (*rows, values), (*rows, values)), "projections"
            )
            query, key, value, z = parts
            b, a = split(t, small, ((*rows, self.value_heads),) * 2, "gates")
            value, z = copied(t, value, "value"), copied(t, z, "gate z")
            b, a = copied(t, b, "gate b"), copied(t, a, "gate a")
            query, key = copied(t, query, "query"), copied(t, key, "key")
            return join(t, (query, key, value), (*rows, channels), "query, key and value"), z, b, a, whole

        def separate(t: Tape, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
            mixed = linear(t, x, into)
            z, b, a = (linear(t, x, gate) for gate in gates)
            return mixed, z, b, a, mixed

        def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
            batch, tokens, _ = x.shape
            mixed, z, b, a, whole = ordered(t, x) if self.fused else separate(t, x)
            mixed = convolved(t, mixed, kernel)
            query, key, value = split(
                t,
                mixed.view(batch, tokens, channels),
                ((batch, tokens, keys), (batch, tokens, keys), (batch, tokens, values)),
                "query, key and value",
            )
            beta = activation(t, b, "beta", saves="output")
            decay = decays(t, a, bias, base)
            rule = delta_rule if t.linear_attention == "torch" else kernel_delta_rule
            out = rule(
                t,
                query.view(batch, tokens, self.key_heads, self.key_size),
                key.view(batch, tokens, self.key_heads, self.key_size),
                value.view(batch, tokens, self.value_heads, self.value_size),
                decay,
                beta,
            )
            flat = (batch * tokens * self.value_heads, self.value_size)
            z = z.view(*flat)
            out = gated_norm(t, out.view(*flat), z, out_norm)
            result = linear(t, out.view(batch, tokens, values), out_proj)
            del whole, query, key, value, beta, decay, z, b, a
            return result

        return run


def convolved(t: Tape, mixed: Tensor, kernel: Parameter) -> Tensor:
    """The short convolution over tokens, of [batch, tokens, channels]."""
    if t.linear_attention == "fla-packed":
        return kernel_convolution(t, mixed, kernel)
    batch, tokens, channels = mixed.shape
    return causal_convolution(t, mixed.view(batch, channels, tokens), kernel)


def decays(t: Tape, a: Tensor, bias: Parameter, base: Parameter) -> Tensor:
    """`-A_log.float().exp() * softplus(a.float() + dt_bias)`."""
    wide = cast(t, a, "float32", "gate in float32")
    shifted = add_broadcast(t, wide, vector(t, bias), "gate and bias")
    soft = activation(t, shifted, "softplus")
    rate = cast(t, vector(t, base), "float32", "rates in float32")
    rate = operation(t, (rate,), rate.shape, "float32", "rates", keeps_output=True)
    return mul_broadcast(t, soft, rate, "decay")


def gated_norm(t: Tape, x: Tensor, gate: Tensor, layer: Norm) -> Tensor:
    """`norm(x) * silu(gate.float())`, the product cast back (Qwen3NextRMSNormGated)."""
    given = x.dtype
    normed = norm(t, x, layer)
    opened = activation(t, cast(t, gate, "float32", "gate in float32"))
    return cast(t, mul(t, normed, opened, "normalised and gated"), given, "gated, cast back")
