"""Mixing neighbouring tokens with a short gated convolution (LFM2)."""

from __future__ import annotations

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.architectures.decoder_spec import Decoder, LayerKind
from vramlint.memory.architectures.network import Block, Inputs
from vramlint.memory.ops.basic import activation, cast, copied, mul
from vramlint.memory.ops.linear import linear
from vramlint.memory.ops.shape import piece, split
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor
from vramlint.memory.weights import Weights


@dataclass(frozen=True, slots=True)
class ShortConvolution:
    """`width`: tokens that the convolution sees. It is in the place of attention in other layers."""

    width: int
    bias: bool = False

    def __call__(self, decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
        """Build the mixer of one layer (modeling_lfm2.py, Lfm2ShortConv.forward, without the causal-conv1d
        kernel).
        """
        hidden = decoder.hidden
        into = weights.linear("conv.in_proj", 3 * hidden, hidden, self.bias)
        kernel = weights.parameter("conv.conv.weight", (hidden, 1, self.width))
        if self.bias:
            weights.parameter("conv.conv.bias", (hidden,))
        out_of = weights.linear("conv.out_proj", hidden, hidden, self.bias)

        def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
            batch, tokens, _ = x.shape
            part = (batch, hidden, tokens)
            before, after, value = split(t, linear(t, x, into), (part, part, part), "gates and value")
            mixed = mul(t, before, value, "gated value")
            whole = depthwise(t, mixed, kernel, (batch, hidden, tokens + self.width - 1))
            mixed = piece(t, whole, part, "convolution's output")
            del whole
            y = copied(t, mul(t, after, mixed, "gated convolution"), "gated convolution, tokens first")
            return linear(t, y.view(batch, tokens, hidden), out_of)

        return run


def causal_convolution(t: Tape, x: Tensor, kernel: Parameter) -> Tensor:
    """`silu(conv1d(x)[:, :, :tokens])` of [batch, channels, tokens], without the causal-conv1d kernel
    (transformers 5.24, modeling_qwen3_next.py, causal_conv1d_fn).
    """
    batch, channels, tokens = x.shape
    whole = depthwise(t, x, kernel, (batch, channels, tokens + kernel.shape[-1] - 1))
    return cast(t, activation(t, piece(t, whole, x.shape, "convolution's output")), x.dtype, "convolved")


def depthwise(t: Tape, x: Tensor, kernel: Parameter, shape: tuple[int, int, int]) -> Tensor:
    """`F.conv1d` with a filter of its own for each channel: saves its input and the kernel, whichever
    of the two wants a gradient (derivatives.yaml, convolution: one formula for both).
    """
    dtype = t.autocast or x.dtype
    x = cast(t, x, dtype, "convolution's input, cast")
    flows, trains = x.node is not None, kernel.trainable
    if not (t.recording and (flows or trains)):
        return t.new(shape, dtype, "convolution's output")
    saved = t.save(x, kernel)
    out, given = t.new(shape, dtype, "convolution's output"), x.shape

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        to_x = t.new(given, dtype, "gradient of the convolution's input") if flows else None
        to_kernel = t.new(kernel.shape, dtype, f"gradient of {kernel.name}") if trains else None
        del held
        return to_kernel, to_x

    return t.record(out, (kernel if trains else None, x.node), backward)
