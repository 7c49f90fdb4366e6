"""Mamba 2 mixers (Granite 4, Bamba, Falcon-H1, Nemotron-H), on transformers' plain PyTorch path."""

from __future__ import annotations

from typing import Literal

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures.decoder_spec import AttentionBuilder, Decoder, FeedBuilder, LayerKind
from vramlint.memory.architectures.layers import decoder_norm
from vramlint.memory.architectures.network import Block, Inputs
from vramlint.memory.architectures.short_convolution import causal_convolution
from vramlint.memory.ops.adapters import vector
from vramlint.memory.ops.basic import activation, add, cast, mul, scaled
from vramlint.memory.ops.generic import operation
from vramlint.memory.ops.linear import Linear, linear
from vramlint.memory.ops.mamba_kernels import ScanSizes, split_conv_scan
from vramlint.memory.ops.norm import Norm, norm
from vramlint.memory.ops.shape import split
from vramlint.memory.ops.state_space import chunk_scan
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights

PLAIN_PATH = (
    "state-space layers are taken to run on transformers' plain PyTorch path, as where mamba-ssm and "
    "causal-conv1d are not installed; their kernels hold a fraction of it"
)
Gating = Literal["norm after", "norm before", "no norm"]


@dataclass(frozen=True, slots=True)
class Mamba2:
    """Sizes of the state space; `width`: tokens that the convolution sees, `chunk`: tokens of a chunk.

    `gating`: the output's norm comes after its gate, before it, or there is none. `scales`: input and
    projections are multiplied by numbers (Falcon-H1).
    """

    heads: int
    head_size: int
    groups: int
    state: int
    width: int
    chunk: int
    conv_bias: bool = True
    bias: bool = False
    out_bias: bool = False
    gating: Gating = "norm after"
    scales: bool = False
    prefix: str = "mamba"

    def rank_part(self, job: TrainingJob) -> Mamba2:
        """What one tensor-parallel rank of Megatron holds: heads and groups are shared out (Megatron-LM,
        core/ssm/mamba_mixer.py). Elsewhere mixers stay whole.
        """
        ranks = job.parallel.tensor
        if job.runtime != "megatron" or ranks == 1:
            return self
        return replace(self, heads=max(1, self.heads // ranks), groups=max(1, self.groups // ranks))

    def __call__(self, decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
        """Build the mixer of one layer."""
        return self.rank_part(weights.job)._built(decoder, weights)

    def _built(self, decoder: Decoder, weights: Weights) -> Block:
        """transformers 5.24, modeling_granitemoehybrid.py, GraniteMoeHybridMambaLayer.forward;
        modeling_falcon_h1.py, FalconH1Mixer.forward.
        """
        hidden, inner, shared = decoder.hidden, self.heads * self.head_size, self.groups * self.state
        channels = inner + 2 * shared
        into = weights.linear(f"{self.prefix}.in_proj", inner + channels + self.heads, hidden, self.bias)
        kernel = weights.parameter(f"{self.prefix}.conv1d.weight", (channels, 1, self.width))
        if self.conv_bias:
            weights.parameter(f"{self.prefix}.conv1d.bias", (channels,))
        bias, base, skip = (
            weights.parameter(f"{self.prefix}.{name}", (self.heads,)) for name in ("dt_bias", "A_log", "D")
        )
        out_norm = weights.norm(f"{self.prefix}.norm", inner) if self.gating != "no norm" else None
        out_proj = weights.linear(f"{self.prefix}.out_proj", hidden, inner, self.out_bias)
        if weights.job.runtime == "megatron":
            return self._fused(into, out_norm, out_proj)

        def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
            batch, tokens, _ = x.shape
            rows, given = (batch, tokens), x.dtype
            if self.scales:
                x = scaled(t, x, "mixer's input, scaled")
            projected = linear(t, x, into)
            if self.scales:
                projected = scaled(t, projected, "projections, scaled")
            gate, mixed, step = split(
                t, projected, ((*rows, inner), (*rows, channels), (*rows, self.heads)), "projections"
            )
            rate = cast(t, vector(t, base), "float32", "rates in float32")
            rate = operation(t, (rate,), rate.shape, "float32", "rates", keeps_output=True)
            mixed = causal_convolution(t, mixed.view(batch, channels, tokens), kernel)
            values, b, c = split(
                t,
                mixed.view(batch, tokens, channels),
                ((*rows, inner), (*rows, shared), (*rows, shared)),
                "values, b and c",
            )
            out = chunk_scan(
                t,
                values.view(batch, tokens, self.heads, self.head_size),
                step,
                b.view(batch, tokens, self.groups, self.state),
                c.view(batch, tokens, self.groups, self.state),
                rate,
                vector(t, skip),
                vector(t, bias),
                self.chunk,
            )
            out = self._gated(t, out.view(batch, tokens, inner), gate, out_norm)
            result = linear(t, cast(t, out, given, "mixer's output, cast"), out_proj)
            del projected, gate, mixed, step, values, b, c, out
            return result

        return run

    def _fused(self, into: Linear, out_norm: Norm | None, out_proj: Linear) -> Block:
        """Megatron's mixer, which cannot do without mamba-ssm's kernels."""
        sizes = ScanSizes(self.heads, self.head_size, self.groups, self.state, self.chunk)

        def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
            out = split_conv_scan(t, linear(t, x, into), sizes)
            return linear(t, out if out_norm is None else norm(t, out, out_norm), out_proj)

        return run

    def _gated(self, t: Tape, x: Tensor, gate: Tensor, layer: Norm | None) -> Tensor:
        """Output, gate and norm, all in float32 where there is a norm."""
        if layer is None:
            return mul(t, x, activation(t, gate, "gate"), "mixer's output, gated")
        if self.gating == "norm before":
            x = norm(t, x, layer)
        opened = activation(t, cast(t, gate, "float32", "gate in float32"), "gate")
        x = mul(t, x, opened, "mixer's output, gated")
        return norm(t, x, layer) if self.gating == "norm after" else x


@dataclass(frozen=True, slots=True)
class SideBySide:
    """A mixer and attention on one input, each scaled, summed (transformers 5.24, modeling_falcon_h1.py,
    FalconH1DecoderLayer.forward).
    """

    mixer: AttentionBuilder
    attend: AttentionBuilder

    def __call__(self, decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
        """Build both."""
        mix, attend = self.mixer(decoder, weights, kind), self.attend(decoder, weights, kind)

        def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
            mixed = scaled(t, mix(t, x, inputs), "mixer's output, scaled")
            attended = attend(t, scaled(t, x, "attention's input, scaled"), inputs)
            attended = scaled(t, attended, "attention's output, scaled")
            return add(t, mixed, attended, "mixer and attention")

        return run


@dataclass(frozen=True, slots=True)
class FeedOnly:
    """A layer's only part where that is a feed-forward block."""

    feed: FeedBuilder

    def __call__(self, decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
        """Build it in attention's place."""
        feed = self.feed(decoder, weights)
        return lambda t, x, inputs: feed(t, x)


def one_part(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """A norm and one part: mixer, attention or MLP (transformers 5.24, modeling_nemotron_h.py,
    NemotronHBlock.forward).
    """
    before = decoder_norm(decoder, weights, 0)
    part = kind.attend(decoder, weights, kind)
    return lambda t, x, inputs: add(t, x, part(t, norm(t, x, before), inputs))
