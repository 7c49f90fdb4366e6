"""Gathering and scattering of tokens that tensor-parallel ranks hold a part of."""

from __future__ import annotations

from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Tensor, Whole


def gathered_sequence(t: Tape, x: Tensor, ranks: int) -> Tensor:
    """All ranks' tokens on each; backward scatters the gradient.

    Megatron's products keep this rank's part and gather the others' again for their weights' gradients
    (Megatron-LM, core/tensor_parallel/layers.py, LinearWithGradAccumulationAndAsyncCommunication); DTensor's
    keep all.
    """
    out = _resized(t, x, x.shape[1] * ranks, "hidden states of all ranks")
    return Whole(out, x) if t.keeps_parts else out


def scattered_sequence(t: Tape, x: Tensor, ranks: int) -> Tensor:
    """This rank's tokens; backward gathers the gradient."""
    return _resized(t, x, -(-x.shape[1] // ranks), "hidden states of this rank")


def _resized(t: Tape, x: Tensor, tokens: int, name: str) -> Tensor:
    out = t.new((x.shape[0], tokens, *x.shape[2:]), x.dtype, name)
    if t.recording and x.node is not None:
        shape, dtype = x.shape, x.dtype

        def backward(grad: Tensor) -> Gradients:
            return (t.new(shape, dtype, f"gradient of the {name}"),)

        t.record(out, (x.node,), backward)
    return out
