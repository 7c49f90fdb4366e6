"""From the declaration of a decoder to functions on the tape."""

from __future__ import annotations

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures.decoder_spec import Decoder, LayerKind
from vramlint.memory.architectures.feed_forward import gated, gated_fused, plain
from vramlint.memory.architectures.kernels import attention_call
from vramlint.memory.architectures.layers import decoder_norm
from vramlint.memory.architectures.litgpt import as_implemented
from vramlint.memory.architectures.network import Block, FeedForward, Inputs, Network, Stage
from vramlint.memory.architectures.partition import rank_part
from vramlint.memory.architectures.stages import stages_of
from vramlint.memory.checkpointing import checkpoint
from vramlint.memory.ledger import rounded
from vramlint.memory.objectives import objective_of
from vramlint.memory.ops.adapters import adapted_embedding
from vramlint.memory.ops.attention import AttentionCall
from vramlint.memory.ops.basic import add, dropout, scaled
from vramlint.memory.ops.embedding import ROTARY_STYLES, embedding, rotary_tables, token_embedding
from vramlint.memory.ops.linear import linear
from vramlint.memory.ops.norm import norm
from vramlint.memory.ops.sequence import gathered_sequence, scattered_sequence
from vramlint.memory.ops.tiled import tiled
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights
from vramlint.vocabulary import Recomputed

SCORES = 2
"""Outputs of a classification head: the number of labels is in the data set, and two or twenty change
nothing that can be measured.
"""
PARAMETER_BY_PARAMETER = ("none", "ddp", "fsdp2")
"""Engines under which a trained weight that no loss reaches has neither gradient nor optimizer states: others
have flat ones.
"""


def build(decoder: Decoder, weights: Weights, job: TrainingJob) -> Network:
    """Make the weights and forward functions of `decoder`."""
    decoder = rank_part(as_implemented(decoder, job), job)
    split = job.parallel.tensor if job.parallel.sequence else 1
    outside = weights.group("embedding").parameters
    weights.buffers += rounded(decoder.buffer_bytes)
    width = decoder.embedding_width or decoder.hidden
    table = weights.parameter("embed_tokens.weight", (decoder.vocabulary, width), "embeddings")
    factors = weights.embedding_adapter("embed_tokens", decoder.vocabulary, width)
    places = None
    if decoder.learned_positions:
        places = weights.parameter(
            "embed_positions.weight", (decoder.learned_positions, decoder.hidden), "embeddings"
        )
    first = (
        weights.norm("embedding_norm", decoder.hidden, decoder.norm, decoder.norm_bias)
        if decoder.embedding_norm
        else None
    )
    into = weights.linear("project_in", decoder.hidden, width) if width != decoder.hidden else None
    prepare = decoder.prepare(decoder, weights) if decoder.prepare is not None else None
    # Weights are made in the order of the model's own, which decides where an optimizer meets each of them.
    stages, order = layers(decoder, weights, job)
    last = weights.group("head").parameters
    final = decoder_norm(decoder, weights, "norm") if decoder.final_norm else None
    out_of = weights.linear("project_out", width, decoder.hidden) if width != decoder.hidden else None
    if objective_of(job).loss == "score":
        head = weights.linear("score", SCORES, width, quantizable=False, role="head")
    elif decoder.tied:
        head = weights.tied_head(table)
        if decoder.head_bias:
            head.bias = weights.parameter("lm_head.bias", (decoder.vocabulary,), "head")
    else:
        head = weights.linear(
            "lm_head", decoder.vocabulary, width, decoder.head_bias, quantizable=False, role="head"
        )
        if objective_of(job).loss == "value" and job.parallel.strategy in PARAMETER_BY_PARAMETER:
            head.weight.trainable = False

    # Whether the embedding's output is itself the first layer's input, with nothing computed in between.
    direct = (
        places is None
        and first is None
        and into is None
        and not decoder.embedding_dropout
        and not decoder.residual_scale
    )

    def begin(t: Tape) -> tuple[Tensor, Inputs]:
        batch, tokens = job.micro_batch_size, job.sequence_length
        x = token_embedding(t, table, batch, tokens, direct)
        if factors is not None:
            x = adapted_embedding(t, x, *factors)
        if into is not None:
            x = linear(t, x, into)
        if decoder.embedding_scale:
            x = scaled(t, x, "embedded tokens, scaled")
        if places is not None:
            x = add(
                t,
                x,
                embedding(t, places, batch if decoder.positions_by_row else 1, tokens),
                "embedded tokens and positions",
            )
        if first is not None:
            x = norm(t, x, first)
        x = dropout(t, x, decoder.embedding_dropout)
        inputs = shared_inputs(t, decoder, job, x)
        if prepare is not None:
            prepare(t, x, inputs)
        return (scattered_sequence(t, x, split) if split > 1 else x), inputs

    def end(t: Tape, x: Tensor) -> Tensor:
        if final is not None:
            x = norm(t, x, final)
        x = gathered_sequence(t, x, split) if split > 1 else x
        return x if out_of is None else linear(t, x, out_of)

    return Network(
        begin,
        stages,
        end,
        head,
        outside + last,
        order,
        decoder.logit_cap,
        modelled=not decoder.approximate,
        notes=assumptions(decoder, job),
        tail=last,
    )


def assumptions(decoder: Decoder, job: TrainingJob) -> tuple[str, ...]:
    """What is assumed about how it runs."""
    if job.runtime == "megatron":
        return decoder.notes
    on_torch = decoder.notes_on_torch if job.kernels.linear_attention == "torch" else ()
    return (*decoder.notes, *decoder.notes_on_plain_mixers, *on_torch)


def layers(decoder: Decoder, weights: Weights, job: TrainingJob) -> tuple[list[Stage], list[int]]:
    """One stage for each kind of layer (trained and frozen ones apart), and the stage of every layer."""
    frozen = (
        len(decoder.pattern) - (job.trainable_layers or 0) if job.method == "freeze" else len(decoder.pattern)
    )
    # Equal kinds are mostly one object: told apart by identity first, since comparing them means comparing
    # all they hold.
    same: dict[int, LayerKind] = {}
    first: dict[LayerKind, LayerKind] = {}
    for kind in decoder.pattern:
        if id(kind) not in same:
            same[id(kind)] = first.setdefault(kind, kind)
    keys = [
        ("layer" if index < frozen else "trained layer", id(same[id(kind)]))
        for index, kind in enumerate(decoder.pattern)
    ]
    stages, order = stages_of(
        weights,
        keys,
        lambda index: decoder.arrange(
            decoder, weights, apart_kind(tiled_kind(decoder.pattern[index], job), job)
        ),
    )
    for stage in stages:
        stage.apart = True
    return stages, order


def apart_kind(kind: LayerKind, job: TrainingJob) -> LayerKind:
    """The same layer, attention and feed-forward block checkpointed each by itself where the job says so."""
    modules = job.gradient_checkpointing
    if not isinstance(modules, tuple):
        return kind
    attend, feed = kind.attend, kind.feed

    def chosen(weights: Weights, before: int, *words: Recomputed) -> bool:
        mixture = any(parameter.of_expert for parameter in weights.groups[-1].parameters[before:])
        return not set(modules).isdisjoint(("mlp", "moe") if mixture else words)

    def attention(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
        before = len(weights.groups[-1].parameters)
        run = attend(decoder, weights, kind)
        if not chosen(weights, before, "attention"):
            return run
        return lambda t, x, inputs: checkpoint(t, lambda t, x: run(t, x, inputs), x)

    def feed_forward(decoder: Decoder, weights: Weights) -> FeedForward:
        before = len(weights.groups[-1].parameters)
        run = feed(decoder, weights)
        if not chosen(weights, before, "mlp", "dense_mlp"):
            return run
        return lambda t, x: checkpoint(t, run, x)

    return replace(kind, attend=attention, feed=feed_forward)


def tiled_kind(kind: LayerKind, job: TrainingJob) -> LayerKind:
    """The same layer, its dense feed-forward block over pieces of the sequence where the job says so."""
    if not job.kernels.tiled_mlp or kind.feed not in (gated, gated_fused, plain):
        return kind
    feed, sums = kind.feed, not job.parallel.strategy.startswith("zero")

    def build(decoder: Decoder, weights: Weights) -> FeedForward:
        parameters = weights.groups[-1].parameters
        before = len(parameters)
        run = feed(decoder, weights)
        trained = [parameter for parameter in parameters[before:] if parameter.trainable]
        pieces = job.kernels.tiled_mlp_pieces or -(-job.sequence_length // decoder.hidden)
        return lambda t, x: tiled(t, run, x, pieces, trained if sums else ())

    return replace(kind, feed=build)


def shared_inputs(t: Tape, decoder: Decoder, job: TrainingJob, x: Tensor) -> Inputs:
    """Masks and rotary tables, one of each that occurs among the layers."""
    windows = dict.fromkeys(kind.window for kind in decoder.pattern)
    tables = dict.fromkeys(kind.positions for kind in decoder.pattern if kind.positions)
    calls: dict[int | str | None, AttentionCall] = {
        window: attention_call(t, decoder, job, x.dtype, window) for window in windows
    }
    size = decoder.rotary_size or decoder.head_size
    dtype = "float32" if ROTARY_STYLES[decoder.rotary].tables_fp32 else x.dtype
    positions = {
        name: rotary_tables(t, job.sequence_length, decoder.rotary_sizes.get(name, size), dtype)
        for name in tables
    }
    return Inputs(job.micro_batch_size, job.sequence_length, calls, positions)
