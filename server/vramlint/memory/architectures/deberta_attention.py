"""DeBERTa 2 and 3: attention of contents to contents, contents to positions and positions to contents,
every score matrix in full.
"""

from __future__ import annotations

from vramlint.job import TrainingJob
from vramlint.memory.architectures.decoder_spec import Decoder, LayerKind
from vramlint.memory.architectures.network import Block, Inputs
from vramlint.memory.ops.attention import batched_matmul, softmax
from vramlint.memory.ops.basic import add, add_in_place, cast, copied, dropout, scaled
from vramlint.memory.ops.linear import linear
from vramlint.memory.ops.norm import Norm, norm
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor
from vramlint.memory.weights import Weights

POSITIONS, MASK = "relative positions", "pair mask"


def disentangled_attention(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """DisentangledSelfAttention.forward of modeling_deberta_v2.py, positions sharing the content's
    projections as in DeBERTa 3.
    """
    heads, size, hidden = decoder.heads, decoder.head_size, decoder.hidden
    q_proj, k_proj, v_proj = (
        weights.linear(f"attention.self.{name}_proj", hidden, hidden, True)
        for name in ("query", "key", "value")
    )
    output = weights.linear("attention.output.dense", hidden, hidden, True)

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        batch, tokens, _ = x.shape
        given, rows = x.dtype, batch * heads
        own, full = (rows, tokens, size), (rows, tokens, tokens)
        q, k, v = (copied(t, linear(t, x, p), "heads apart").view(*own) for p in (q_proj, k_proj, v_proj))
        scores = product(t, q, scaled(t, k, "key, scaled"), full, "attention scores")
        places = dropout(t, inputs.extra[POSITIONS], decoder.hidden_dropout)
        span = (rows, places.shape[0], size)
        turned = []
        for proj in (q_proj, k_proj):
            apart = copied(t, linear(t, places, proj), "positions, heads apart")
            turned.append(repeated_rows(t, apart, span))
        first = product(t, q, turned[1], (rows, tokens, span[1]), "content to position")
        first = gathered(t, first, full)
        bias = add(
            t,
            scaled(t, first, "content to position, scaled"),
            Tensor(None, full, first.dtype),
            "position scores",
        )
        first = product(t, k, turned[0], (rows, tokens, span[1]), "position to content")
        first = gathered(t, first, full)
        bias = add_in_place(t, bias, scaled(t, first, "position to content, scaled"))
        scores = add(t, scores, bias, "attention scores with positions")
        del first, turned
        scores = masked(t, scores, batch)
        probabilities = softmax(t, scores, "float32" if t.autocast else scores.dtype, "attention weights")
        del scores
        probabilities = dropout(t, probabilities, decoder.attention_dropout)
        context = product(t, probabilities, v, own, "attention context")
        del q, k, v, probabilities, bias
        context = copied(t, context, "attention output").view(batch, tokens, hidden)
        return linear(t, context if t.autocast else cast(t, context, given), output)

    return run


def product(t: Tape, a: Tensor, b: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    """`torch.bmm`, autocast applied to both."""
    dtype = t.autocast or a.dtype
    return batched_matmul(
        t, cast(t, a, dtype, f"{name}, cast"), cast(t, b, dtype, f"{name}, cast"), shape, name
    )


def repeated_rows(t: Tape, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`x.repeat(batch, 1, 1)`: its gradient is summed over the batch."""
    out = t.new(shape, x.dtype, "positions, repeated for the batch")
    if t.recording and x.node is not None:
        before, dtype = x.shape, x.dtype
        t.record(out, (x.node,), lambda grad: (t.new(before, dtype, "gradient of positions, summed"),))
    return out


def gathered(t: Tape, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`torch.gather(x, -1, index)`: saves what it picks from and the index of every pair of tokens; its
    gradient is scattered into zeros.
    """
    index = t.new(shape[1:], "int64", "relative position of each pair")
    saved = t.save(x, index) if t.recording and x.node is not None else None
    out = t.new(shape, x.dtype, "scores picked by relative position")
    if saved is None:
        return out
    before, dtype = x.shape, x.dtype

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        result = t.new(before, dtype, "gradient of the scores by position")
        del held
        return (result,)

    return t.record(out, (x.node,), backward)


def masked(t: Tape, scores: Tensor, batch: int) -> Tensor:
    """`scores.masked_fill(~mask, …)`: a new tensor both ways; the inverted mask is saved."""
    mask = t.new((batch, 1, *scores.shape[1:]), "bool", "attention mask, inverted")
    saved = t.save(mask) if t.recording and scores.node is not None else None
    out = t.new(scores.shape, scores.dtype, "attention scores, masked")
    if saved is None:
        return out
    shape, dtype = scores.shape, scores.dtype

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        result = t.new(shape, dtype, "gradient of the masked scores")
        del held
        return (result,)

    return t.record(out, (scores.node,), backward)


def relative_positions(
    t: Tape, job: TrainingJob, table: Parameter, normed: Norm | None, inputs: Inputs
) -> None:
    """What all layers share: the normalised table of relative positions, and a mask of all pairs
    (DebertaV2Encoder.forward).
    """
    batch, tokens = job.micro_batch_size, job.sequence_length
    places = Tensor(None, table.shape, table.dtype)
    if t.recording and table.trainable:
        t.record(places, (table,), lambda grad: (grad,))
    if normed is not None:
        places = norm(t, places, normed)
    inputs.extra[POSITIONS] = places
    inputs.extra[MASK] = t.new((batch, 1, tokens, tokens), "float32", "mask of all pairs")
