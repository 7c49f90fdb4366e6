"""Arrangements of a decoder layer: where the norms are, and what is added to what."""

from __future__ import annotations

from collections.abc import Callable

from vramlint.memory.architectures.decoder_spec import Decoder, LayerKind
from vramlint.memory.architectures.network import Block, Inputs
from vramlint.memory.checkpointing import without_output
from vramlint.memory.ops.basic import add, add_in_place, dropout, scaled
from vramlint.memory.ops.norm import Norm, norm
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Tensor
from vramlint.memory.weights import Weights


def decoder_norm(decoder: Decoder, weights: Weights, which: int | str) -> Norm:
    """A norm over the hidden width: the layer's number `which` in the order of `Decoder.norm_names`, or
    one with a name.
    """
    if not decoder.norm_weight:
        return Norm(None, None, decoder.norm)
    name = which if isinstance(which, str) else decoder.norm_names[which]
    return weights.norm(name, decoder.hidden, decoder.norm, decoder.norm_bias)


def made_again(t: Tape, x: Tensor, layer: Norm) -> Tensor:
    """A norm whose output is thrown away, and made again in backward."""
    return without_output(t, "block_norm", lambda t, x: (norm(t, x, layer),), x)[0]


def pre_norm(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """Norm, attention, sum, norm, feed-forward, sum (modeling_llama.py, LlamaDecoderLayer.forward;
    modeling_gpt2.py, GPT2Block.forward).
    """
    before_attention = decoder_norm(decoder, weights, 0) if kind.first_norm else None
    attend = kind.attend(decoder, weights, kind)
    before_mlp = decoder_norm(decoder, weights, 1)
    feed = kind.feed(decoder, weights)
    p, scales = decoder.hidden_dropout, decoder.residual_scale
    first, second = (made_again if again else norm for again in kind.norms_again)

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        residual = x
        hidden = x if before_attention is None else first(t, x, before_attention)
        hidden = dropout(t, attend(t, hidden, inputs), p)
        if scales:
            hidden = scaled(t, hidden, "attention output, scaled")
        hidden = add(t, residual, hidden)
        residual = hidden
        hidden = second(t, hidden, before_mlp)
        hidden = dropout(t, feed(t, hidden), p)
        if scales:
            hidden = scaled(t, hidden, "MLP output, scaled")
        return add(t, residual, hidden)

    return run


def pre_norm_holding(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """Pre-norm whose first norm's output keeps its name through the whole layer (modeling_stablelm.py,
    StableLmDecoderLayer.forward).
    """
    before_attention = decoder_norm(decoder, weights, 0)
    attend = kind.attend(decoder, weights, kind)
    before_mlp = decoder_norm(decoder, weights, 1)
    feed = kind.feed(decoder, weights)
    p = decoder.hidden_dropout

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        hidden = norm(t, x, before_attention)
        attended = dropout(t, attend(t, hidden, inputs), p)
        residual = add(t, x, attended)
        fed = dropout(t, feed(t, norm(t, residual, before_mlp)), p)
        return add(t, residual, fed)

    return run


def sandwich_norm(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """A norm before and after each half (modeling_gemma2.py, Gemma2DecoderLayer.forward;
    modeling_glm4.py).
    """
    before_attention = decoder_norm(decoder, weights, 0)
    attend = kind.attend(decoder, weights, kind)
    after_attention = decoder_norm(decoder, weights, 1)
    before_mlp = decoder_norm(decoder, weights, 2)
    feed = kind.feed(decoder, weights)
    after_mlp = decoder_norm(decoder, weights, 3)

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        residual = x
        hidden = attend(t, norm(t, x, before_attention), inputs)
        hidden = add(t, residual, norm(t, hidden, after_attention))
        residual = hidden
        hidden = feed(t, norm(t, hidden, before_mlp))
        hidden = norm(t, hidden, after_mlp)
        return add(t, residual, hidden)

    return run


def post_norm(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """Each half is normalised after it ran, before the sum (modeling_olmo2.py, Olmo2DecoderLayer.forward;
    modeling_exaone4.py).
    """
    attend = kind.attend(decoder, weights, kind)
    after_attention = decoder_norm(decoder, weights, 0)
    feed = kind.feed(decoder, weights)
    after_mlp = decoder_norm(decoder, weights, 1)

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        residual = x
        hidden = norm(t, attend(t, x, inputs), after_attention)
        hidden = add(t, residual, hidden)
        residual = hidden
        hidden = norm(t, feed(t, hidden), after_mlp)
        return add(t, residual, hidden)

    return run


def parallel(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """Attention and feed-forward side by side on one norm, each added to the residual in turn
    (modeling_cohere.py, CohereDecoderLayer.forward).
    """
    return _side_by_side(decoder, weights, kind, lambda t, x, attended, fed: add(t, add(t, x, attended), fed))


def parallel_sum_first(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """Side by side on one norm, the two halves summed before the residual (modeling_phi.py,
    PhiDecoderLayer.forward; modeling_gptj.py).
    """
    return _side_by_side(decoder, weights, kind, lambda t, x, attended, fed: add(t, add(t, attended, fed), x))


def _side_by_side(
    decoder: Decoder,
    weights: Weights,
    kind: LayerKind,
    join: Callable[[Tape, Tensor, Tensor, Tensor], Tensor],
) -> Block:
    before = decoder_norm(decoder, weights, 0)
    attend = kind.attend(decoder, weights, kind)
    feed = kind.feed(decoder, weights)
    p = decoder.hidden_dropout

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        hidden = norm(t, x, before)
        attended = dropout(t, attend(t, hidden, inputs), p)
        fed = dropout(t, feed(t, hidden), p)
        return join(t, x, attended, fed)

    return run


def falcon_two_norms(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """Both norms first, then both halves; the sum of the halves is made in place (modeling_falcon.py,
    FalconDecoderLayer.forward).
    """
    before_attention = decoder_norm(decoder, weights, 0)
    before_mlp = decoder_norm(decoder, weights, 1)
    attend = kind.attend(decoder, weights, kind)
    feed = kind.feed(decoder, weights)

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        to_attention = norm(t, x, before_attention)
        to_mlp = norm(t, x, before_mlp)
        attended = attend(t, to_attention, inputs)
        return add(t, x, add_in_place(t, feed(t, to_mlp), attended))

    return run


def falcon_one_norm(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """Both halves on one norm; the sum of the halves is made in place (modeling_falcon.py,
    FalconDecoderLayer.forward).
    """
    before = decoder_norm(decoder, weights, 0)
    attend = kind.attend(decoder, weights, kind)
    feed = kind.feed(decoder, weights)

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        hidden = norm(t, x, before)
        attended = attend(t, hidden, inputs)
        return add(t, x, add_in_place(t, feed(t, hidden), attended))

    return run


def parallel_two_norms(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """Side by side, each half on a norm of its own (modeling_gpt_neox.py, GPTNeoXLayer.forward)."""
    before_attention = decoder_norm(decoder, weights, 0)
    before_mlp = decoder_norm(decoder, weights, 1)
    attend = kind.attend(decoder, weights, kind)
    feed = kind.feed(decoder, weights)
    p = decoder.hidden_dropout

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        attended = dropout(t, attend(t, norm(t, x, before_attention), inputs), p)
        fed = dropout(t, feed(t, norm(t, x, before_mlp)), p)
        return add(t, add(t, fed, attended), x)

    return run


def post_sum(decoder: Decoder, weights: Weights, kind: LayerKind) -> Block:
    """Each sum is normalised, the first design (modeling_bert.py, BertLayer.forward)."""
    attend = kind.attend(decoder, weights, kind)
    after_attention = decoder_norm(decoder, weights, 0)
    feed = kind.feed(decoder, weights)
    after_mlp = decoder_norm(decoder, weights, 1)
    p = decoder.hidden_dropout

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        attended = dropout(t, attend(t, x, inputs), p if decoder.attention_output_dropout else 0.0)
        hidden = norm(t, add(t, attended, x), after_attention)
        del attended
        fed = dropout(t, feed(t, hidden), p)
        return norm(t, add(t, fed, hidden), after_mlp)

    return run
