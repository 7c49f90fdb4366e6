"""Encoders with a masked-language-model head or one that scores, on the same layers as decoders."""

from __future__ import annotations

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.memory.architectures.deberta_attention import relative_positions
from vramlint.memory.architectures.decoder import SCORES, layers, shared_inputs
from vramlint.memory.architectures.decoder_spec import Decoder
from vramlint.memory.architectures.network import Inputs, Network
from vramlint.memory.architectures.partition import rank_part
from vramlint.memory.objectives import objective_of
from vramlint.memory.ops.activations import activated
from vramlint.memory.ops.basic import add, cast, dropout
from vramlint.memory.ops.embedding import embedding, token_embedding
from vramlint.memory.ops.linear import Linear, linear
from vramlint.memory.ops.loss import sliced, token_loss
from vramlint.memory.ops.norm import norm
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights


@dataclass(frozen=True, slots=True)
class Encoder:
    """`body` declares the layers. `token_types`: rows of the table of sentence numbers, 0 without one;
    `final_norm`: pre-norm encoders have one.
    """

    body: Decoder
    token_types: int = 0
    final_norm: bool = False
    transform: str = "cls.predictions.transform.dense"
    transform_bias: bool = True
    relative_positions: int = 0
    """Rows of a table of relative positions that all layers share (DeBERTa), 0 without one."""
    loss_fp32: bool = False
    """The loss takes the logits in float32 (loss/loss_utils.py, ForMaskedLMLoss) instead of as they are."""


def build_encoder(encoder: Encoder, weights: Weights, job: TrainingJob) -> Network:
    """Embeddings, layers, transform, tied head with its bias (modeling_bert.py, BertForMaskedLM). To score,
    the first token goes through a dense layer and a head of its own (BertForSequenceClassification with its
    pooler; RobertaClassificationHead; ContextPooler in modeling_deberta_v2.py; pre-norm encoders have a norm
    between the two, ModernBertPredictionHead).
    """
    scores = objective_of(job).loss == "score"
    whole = replace(job, parallel=replace(job.parallel, sequence=False))
    body = rank_part(encoder.body, whole)
    outside = weights.group("embedding").parameters
    words = weights.parameter("word_embeddings.weight", (body.vocabulary, body.hidden), "embeddings")
    tables = [
        weights.parameter(f"{name}.weight", (rows, body.hidden), "embeddings")
        for name, rows in (
            ("token_type_embeddings", encoder.token_types),
            ("position_embeddings", body.learned_positions),
        )
        if rows
    ]
    first = weights.norm("embeddings.LayerNorm", body.hidden, body.norm, body.norm_bias)
    shared = shared_norm = None
    if encoder.relative_positions:
        shared = weights.parameter(
            "rel_embeddings.weight", (encoder.relative_positions, body.hidden), "embeddings"
        )
        shared_norm = weights.norm("encoder.LayerNorm", body.hidden, body.norm, body.norm_bias)
    stages, order = layers(body, weights, job)
    last = weights.group("head").parameters
    final = weights.norm("final_norm", body.hidden, body.norm, body.norm_bias) if encoder.final_norm else None
    transform = weights.linear(
        "pooler.dense" if scores else encoder.transform, body.hidden, body.hidden, encoder.transform_bias
    )
    transform_norm = (
        None
        if scores and not encoder.final_norm
        else weights.norm("cls.predictions.transform.LayerNorm", body.hidden, body.norm, body.norm_bias)
    )
    if scores:
        head = weights.linear("classifier", SCORES, body.hidden, True, quantizable=False, role="head")
    else:
        head = Linear(words, weights.parameter("cls.predictions.bias", (body.vocabulary,), "head"))

    def begin(t: Tape) -> tuple[Tensor, Inputs]:
        batch, tokens = job.micro_batch_size, job.sequence_length
        x = token_embedding(t, words, batch, tokens, last=False)
        for table in tables:
            rows = 1 if table.name.startswith("position") and not body.positions_by_row else batch
            x = add(t, x, embedding(t, table, rows, tokens), "embeddings, summed")
        x = dropout(t, norm(t, x, first), body.embedding_dropout)
        inputs = shared_inputs(t, body, job, x)
        if shared is not None:
            relative_positions(t, job, shared, shared_norm, inputs)
        return x, inputs

    def end(t: Tape, x: Tensor) -> Tensor:
        if final is not None:
            x = norm(t, x, final)
        if scores:
            x = sliced(t, x.view(x.shape[0] * x.shape[1], body.hidden), x.shape[0])
        if transform_norm is None:
            return activated(t, linear(t, x, transform), body.activation)
        return norm(t, activated(t, linear(t, x, transform), body.activation), transform_norm)

    def loss(t: Tape, x: Tensor) -> tuple[Tensor, Tensor | None]:
        logits = linear(t, x, head, "logits")
        wide = cast(t, logits, "float32", "logits in float32") if encoder.loss_fp32 else logits
        return token_loss(t, wide), logits

    return Network(begin, stages, end, head, outside + last, order, loss=loss)
