"""Dense feed-forward blocks."""

from __future__ import annotations

from vramlint.memory.architectures.decoder_spec import Decoder
from vramlint.memory.architectures.network import FeedForward
from vramlint.memory.ops.activations import activated
from vramlint.memory.ops.basic import mul, scaled
from vramlint.memory.ops.fused_lora import fused_gated_mlp, fuses
from vramlint.memory.ops.liger import liger_glu, liger_glu_of_halves
from vramlint.memory.ops.linear import linear
from vramlint.memory.ops.shape import split
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights


def gated(decoder: Decoder, weights: Weights) -> FeedForward:
    """`down(act(gate(x)) * up(x))` (modeling_llama.py, LlamaMLP.forward)."""
    gate = weights.linear(
        decoder.name("mlp.gate_proj"), decoder.intermediate, decoder.hidden, decoder.mlp_bias
    )
    up = weights.linear(decoder.name("mlp.up_proj"), decoder.intermediate, decoder.hidden, decoder.mlp_bias)
    down = weights.linear(
        decoder.name("mlp.down_proj"), decoder.hidden, decoder.intermediate, decoder.mlp_bias
    )
    kind = decoder.activation
    fused = fuses(gate, up, down)

    def run(t: Tape, x: Tensor) -> Tensor:
        if fused:
            return fused_gated_mlp(t, x, gate, up, down)
        if "swiglu" in t.liger:
            return linear(t, liger_glu(t, linear(t, x, gate), linear(t, x, up)), down)
        return linear(
            t, mul(t, activated(t, linear(t, x, gate), kind), linear(t, x, up), "MLP product"), down
        )

    return run


def gated_fused(decoder: Decoder, weights: Weights) -> FeedForward:
    """Gate and up in one product, then split (modeling_phi3.py, Phi3MLP.forward)."""
    both = weights.linear(
        decoder.name("mlp.gate_up_proj"), 2 * decoder.intermediate, decoder.hidden, decoder.mlp_bias
    )
    down = weights.linear(
        decoder.name("mlp.down_proj"), decoder.hidden, decoder.intermediate, decoder.mlp_bias
    )
    kind = decoder.activation

    def run(t: Tape, x: Tensor) -> Tensor:
        up_states = linear(t, x, both)
        half = (*x.shape[:-1], decoder.intermediate)
        gate, up_states = split(t, up_states, (half, half), "gate and up")
        if "swiglu" in t.liger:
            up_states = liger_glu_of_halves(t, gate, up_states)
        else:
            up_states = mul(t, up_states, activated(t, gate, kind), "MLP product")
        del gate
        return linear(t, up_states, down)

    return run


def scaled_gated(decoder: Decoder, weights: Weights) -> FeedForward:
    """`down(up(x) * act(gate(x) * a)) * b` (modeling_falcon_h1.py, FalconH1MLP.forward)."""
    hidden, inner = decoder.hidden, decoder.intermediate
    gate = weights.linear(decoder.name("mlp.gate_proj"), inner, hidden, decoder.mlp_bias)
    up = weights.linear(decoder.name("mlp.up_proj"), inner, hidden, decoder.mlp_bias)
    down = weights.linear(decoder.name("mlp.down_proj"), hidden, inner, decoder.mlp_bias)
    kind = decoder.activation

    def run(t: Tape, x: Tensor) -> Tensor:
        raised = linear(t, x, up)
        opened = activated(t, scaled(t, linear(t, x, gate), "gate, scaled"), kind)
        return scaled(t, linear(t, mul(t, raised, opened, "MLP product"), down), "MLP output, scaled")

    return run


def plain(decoder: Decoder, weights: Weights) -> FeedForward:
    """`down(act(up(x)))` (modeling_gpt2.py, GPT2MLP.forward)."""
    up = weights.linear(decoder.name("mlp.up_proj"), decoder.intermediate, decoder.hidden, decoder.mlp_bias)
    down = weights.linear(
        decoder.name("mlp.down_proj"), decoder.hidden, decoder.intermediate, decoder.mlp_bias
    )
    kind = decoder.activation

    def run(t: Tape, x: Tensor) -> Tensor:
        hidden = linear(t, x, up)
        hidden = activated(t, hidden, kind)
        return linear(t, hidden, down)

    return run
