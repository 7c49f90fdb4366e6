"""One rank's part of a decoder under tensor and sequence parallelism (Korthikanti et al. 2205.05198, section
4).

Tensor parallelism shares out heads, MLP columns and vocabulary; what has the hidden width stays whole on
every rank. With sequence parallelism the parts between attention and MLP hold a rank's share of the
tokens, gathered before each and scattered after.
"""

from __future__ import annotations

from functools import cache

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures.decoder_spec import AttentionBuilder, Decoder, FeedBuilder, LayerKind
from vramlint.memory.architectures.network import Block, FeedForward, Inputs
from vramlint.memory.tape import Gradients, Tape, Tensor, Whole
from vramlint.memory.weights import Weights


def rank_part(decoder: Decoder, job: TrainingJob) -> Decoder:
    """The decoder that one tensor-parallel rank runs."""
    ranks = job.parallel.tensor
    if ranks <= 1:
        return decoder
    pattern = decoder.pattern
    if job.parallel.sequence:
        pattern = tuple(
            replace(
                kind,
                attend=_on_whole_sequence(kind.attend, ranks),
                feed=_fed_whole_sequence(kind.feed, ranks),
            )
            for kind in pattern
        )
    return replace(
        decoder,
        heads=max(1, decoder.heads // ranks),
        kv_heads=max(1, decoder.kv_heads // ranks),
        intermediate=max(1, decoder.intermediate // ranks),
        vocabulary=-(-decoder.vocabulary // ranks),
        pattern=pattern,
    )


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


@cache
def _on_whole_sequence(builder: AttentionBuilder, ranks: int) -> AttentionBuilder:
    def build(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
        run = builder(decoder, weights, kind)

        def on_all(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
            return scattered_sequence(t, run(t, gathered_sequence(t, x, ranks), inputs), ranks)

        return on_all

    return build


@cache
def _fed_whole_sequence(builder: FeedBuilder, ranks: int) -> FeedBuilder:
    def build(decoder: Decoder, weights: Weights) -> FeedForward:
        run = builder(decoder, weights)

        def on_all(t: Tape, x: Tensor) -> Tensor:
            return scattered_sequence(t, run(t, gathered_sequence(t, x, ranks)), ranks)

        return on_all

    return build
