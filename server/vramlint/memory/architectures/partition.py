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
from vramlint.memory.architectures.experts import Mixture
from vramlint.memory.architectures.latent_attention import Latent
from vramlint.memory.architectures.llama4 import DenseMixture
from vramlint.memory.architectures.mamba import FeedOnly
from vramlint.memory.architectures.network import Block, FeedForward, Inputs
from vramlint.memory.checkpointing import recomputes
from vramlint.memory.ops.sequence import gathered_sequence, scattered_sequence
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights


def rank_part(decoder: Decoder, job: TrainingJob) -> Decoder:
    """The decoder that one tensor-parallel rank runs."""
    ranks = job.parallel.tensor
    pattern = decoder.pattern
    if recomputes(job, "block_norm"):
        pattern = tuple(replace(kind, norms_again=norms_apart(kind)) for kind in pattern)
    if ranks <= 1:
        return decoder if pattern is decoder.pattern else replace(decoder, pattern=pattern)
    if job.parallel.sequence:
        pattern = tuple(
            replace(
                kind,
                attend=_attending(kind.attend, ranks, job),
                feed=_fed(kind.feed, ranks, job),
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


@cache
def _on_whole_sequence(builder: AttentionBuilder, ranks: int) -> AttentionBuilder:
    def build(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
        run = builder(decoder, weights, kind)

        def on_all(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
            return scattered_sequence(t, run(t, gathered_sequence(t, x, ranks), inputs), ranks)

        return on_all

    return build


def norms_apart(kind: LayerKind) -> tuple[bool, bool]:
    """Which of a layer's norms are kernels of their own: others are one with the product after them
    (Megatron-LM, core/models/gpt/gpt_layer_specs.py, get_gpt_layer_with_transformer_engine_submodules).
    """
    return isinstance(kind.attend, Latent), isinstance(kind.feed, Mixture | DenseMixture)


def _attending(attend: AttentionBuilder, ranks: int, job: TrainingJob) -> AttentionBuilder:
    """A layer's first part, which may be a mixture too."""
    if isinstance(attend, FeedOnly) and isinstance(attend.feed, Mixture) and job.runtime == "megatron":
        return replace(attend, feed=_fed(attend.feed, ranks, job))
    return _on_whole_sequence(attend, ranks)


def _fed(feed: FeedBuilder, ranks: int, job: TrainingJob) -> FeedBuilder:
    """Megatron's mixtures send their own tokens to the experts, and gather all for the shared ones alone."""
    mixture = feed.grouped() if isinstance(feed, DenseMixture) else feed
    if isinstance(mixture, Mixture) and job.runtime == "megatron":
        return replace(mixture, sequence_ranks=ranks)
    return _fed_whole_sequence(feed, ranks)


@cache
def _fed_whole_sequence(builder: FeedBuilder, ranks: int) -> FeedBuilder:
    def build(decoder: Decoder, weights: Weights) -> FeedForward:
        run = builder(decoder, weights)

        def on_all(t: Tape, x: Tensor) -> Tensor:
            return scattered_sequence(t, run(t, gathered_sequence(t, x, ranks)), ranks)

        return on_all

    return build
