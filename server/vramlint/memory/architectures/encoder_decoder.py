"""Encoder-decoder transformers: T5 and its kind (relative position bias, norms first), BART and its kind
(norms after the sums).
"""

from __future__ import annotations

from collections.abc import Callable

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.architectures.network import Block, Inputs, Network, Stage
from vramlint.memory.ops.activations import activated
from vramlint.memory.ops.attention import AttentionCall, attention
from vramlint.memory.ops.basic import add, cast, dropout, mul, scaled
from vramlint.memory.ops.embedding import embedding, token_embedding
from vramlint.memory.ops.linear import Linear, linear
from vramlint.memory.ops.loss import token_loss
from vramlint.memory.ops.norm import norm
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor
from vramlint.memory.weights import Group, Weights


@dataclass(frozen=True, slots=True)
class EncoderDecoder:
    """Shape and habits. `buckets`: rows of the relative position bias, 0 for learned positions
    (`positions` rows in each stack).
    """

    hidden: int
    heads: int
    head_size: int
    encoder_intermediate: int
    decoder_intermediate: int
    encoder_layers: int
    decoder_layers: int
    vocabulary: int
    dropout: float
    attention_dropout: float
    activation: str
    tied: bool = True
    scaled_output: bool = False
    embedding_scale: bool = False
    buckets: int = 0
    positions: int = 0
    norm_first: bool = True
    norm: str = "rms"
    bias: bool = False
    logits_bias: bool = False
    names: tuple[str, str, str, str] = ("q", "k", "v", "o")
    mlp_names: tuple[str, ...] = ("wi", "wo")

    @property
    def width(self) -> int:
        """Width of query, key and value."""
        return self.heads * self.head_size


def build_encoder_decoder(model: EncoderDecoder, weights: Weights, job: TrainingJob) -> Network:
    """Both stacks as one chain of stages; a bridge between them ends the encoder and embeds the decoder's
    tokens.
    """
    outside = weights.group("embedding").parameters
    shared = weights.parameter("shared.weight", (model.vocabulary, model.hidden), "embeddings")
    encoder_start = stack_start(model, weights, job, "encoder", shared)
    encoder, encoder_order = stack(model, weights, "encoder", model.encoder_layers)
    between = weights.group("between the stacks").parameters
    encoder_end = (
        weights.norm("encoder.final_norm", model.hidden, model.norm, model.bias) if model.norm_first else None
    )
    decoder_start = stack_start(model, weights, job, "decoder", shared)
    decoder, decoder_order = stack(model, weights, "decoder", model.decoder_layers)
    last = weights.group("head").parameters
    decoder_end = (
        weights.norm("decoder.final_norm", model.hidden, model.norm, model.bias) if model.norm_first else None
    )
    if model.tied:
        head = Linear(shared)
    else:
        head = weights.linear("lm_head", model.vocabulary, model.hidden, quantizable=False, role="head")

    def begin(t: Tape) -> tuple[Tensor, Inputs]:
        inputs = Inputs(job.micro_batch_size, job.sequence_length, {})
        return encoder_start(t, inputs), inputs

    def bridge(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        if encoder_end is not None:
            x = dropout(t, norm(t, x, encoder_end), model.dropout)
        inputs.extra["encoder"] = x
        if job.gradient_checkpointing == "none":
            del inputs.calls["encoder"]
        return decoder_start(t, inputs)

    def end(t: Tape, x: Tensor) -> Tensor:
        if decoder_end is not None:
            x = dropout(t, norm(t, x, decoder_end), model.dropout)
        return scaled(t, x, "decoder output, scaled") if model.scaled_output else x

    def loss(t: Tape, x: Tensor) -> tuple[Tensor, Tensor | None]:
        logits = linear(t, x, head, "logits")
        if model.logits_bias:
            logits = add(t, logits, Tensor(None, logits.shape, logits.dtype), "logits with bias")
        return token_loss(t, logits), logits

    stages = [*encoder, Stage("bridge", bridge, between, checkpointed=False), *decoder]
    before = len(encoder) + 1
    order = [*encoder_order, len(encoder), *(before + index for index in decoder_order)]
    return Network(begin, stages, end, head, outside + last, order, loss=loss)


def stack(model: EncoderDecoder, weights: Weights, name: str, count: int) -> tuple[list[Stage], list[int]]:
    """The layers of a stack. The last is a stage of its own: its backward is the first to make the
    gradients that all layers share.
    """
    stages = []
    for label, times in ((f"{name} layer", count - 1), (f"last {name} layer", 1)):
        if times:
            stages.append(Stage(label, *layer(model, weights, weights.group(label, times), name)))
    return stages, [0] * (count - 1) + [len(stages) - 1]


def stack_start(
    model: EncoderDecoder, weights: Weights, job: TrainingJob, stack: str, table: Parameter
) -> Callable[[Tape, Inputs], Tensor]:
    """Embedding, positions or position bias, and the attention calls of one stack."""
    places = bias = first = None
    if model.buckets:
        bias = weights.parameter(f"{stack}.relative_attention_bias.weight", (model.buckets, model.heads))
    if model.positions:
        places = weights.parameter(
            f"{stack}.embed_positions.weight", (model.positions, model.hidden), "embeddings"
        )
        first = weights.norm(f"{stack}.layernorm_embedding", model.hidden, model.norm, model.bias)

    def run(t: Tape, inputs: Inputs) -> Tensor:
        batch, tokens = job.micro_batch_size, job.sequence_length
        x = token_embedding(t, table, batch, tokens, last=False)
        if model.embedding_scale:
            x = scaled(t, x, "embedded tokens, scaled")
        if places is not None:
            x = add(t, x, embedding(t, places, 1, tokens), "embedded tokens and positions")
        if first is not None:
            x = norm(t, x, first)
        x = dropout(t, x, model.dropout)
        inputs.calls.update(attention_calls(t, model, job, stack, x.dtype, bias))
        return x

    return run


def attention_calls(
    t: Tape, model: EncoderDecoder, job: TrainingJob, stack: str, dtype: str, buckets: Parameter | None
) -> dict[int | str | None, AttentionCall]:
    """How the layers of a stack attend to themselves and, in the decoder, to the encoder."""
    tokens = job.sequence_length
    eager = job.attention == "eager"
    exact = (t.autocast or dtype) == "float32"
    kernel = (
        "eager" if eager else "efficient" if buckets is not None or exact or job.padded_batch else "flash"
    )
    causal, masks = stack == "decoder", None
    if causal and (eager or buckets is not None):
        masks = t.new((1, 1, tokens, tokens), dtype if eager else "bool", "causal mask")
    bias = relative_bias(t, buckets, tokens) if buckets is not None else None
    calls: dict[int | str | None, AttentionCall] = {
        stack: AttentionCall(kernel, masks, model.attention_dropout, bias=bias, softmax_fp32=False)
    }
    if causal:
        # Cross attention has no position bias: T5 hands over zeros, made by its first layer.
        zeros = (1, model.heads, tokens, tokens)
        empty = t.new(zeros, t.autocast or dtype, "position bias of zeros") if buckets is not None else None
        calls["cross"] = AttentionCall(kernel, empty, model.attention_dropout, softmax_fp32=False)
    return calls


def relative_bias(t: Tape, buckets: Parameter, tokens: int) -> Tensor:
    """A bias for every head and distance, looked up once a stack (modeling_t5.py,
    T5Attention.compute_bias).
    """
    heads = buckets.shape[1]
    rows = t.new((tokens, tokens), "int64", "relative position buckets")
    saved = t.save(rows) if t.recording and buckets.trainable else None
    out = t.new((1, heads, tokens, tokens), buckets.dtype, "position bias")
    if saved is not None:

        def backward(grad: Tensor) -> Gradients:
            saved.open()
            return (t.new(buckets.shape, buckets.dtype, f"gradient of {buckets.name}"),)

        t.record(out, (buckets,), backward)
    return out


def layer(model: EncoderDecoder, weights: Weights, group: Group, stack: str) -> tuple[Block, list[Parameter]]:
    """Self-attention, in the decoder cross-attention, feed-forward; each with a norm, dropout and a sum."""
    halves = [half(model, weights, f"{stack} self", attend(model, weights, stack))]
    if stack == "decoder":
        halves.append(half(model, weights, f"{stack} cross", attend(model, weights, "cross")))
    size = model.encoder_intermediate if stack == "encoder" else model.decoder_intermediate
    halves.append(half(model, weights, f"{stack} mlp", feed(model, weights, size)))

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        for part in halves:
            x = part(t, x, inputs)
        return x

    return run, group.parameters


def half(model: EncoderDecoder, weights: Weights, name: str, inner: Block) -> Block:
    """`x + dropout(inner(norm(x)))`, or the norm of the sum."""
    normed = weights.norm(f"{name}.layer_norm", model.hidden, model.norm, model.bias)

    def first(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        return add(t, x, dropout(t, inner(t, norm(t, x, normed), inputs), model.dropout))

    def after(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        return norm(t, add(t, x, dropout(t, inner(t, x, inputs), model.dropout)), normed)

    return first if model.norm_first else after


def attend(model: EncoderDecoder, weights: Weights, call: str) -> Block:
    """Attention of a stack to itself ("encoder", "decoder") or of the decoder to the encoder ("cross")."""
    prefix = "encoder_attn" if call == "cross" else "self_attn"
    q, k, v = (
        weights.linear(f"{prefix}.{name}", model.width, model.hidden, model.bias) for name in model.names[:3]
    )
    o = weights.linear(f"{prefix}.{model.names[3]}", model.hidden, model.width, model.bias)

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        source = inputs.extra["encoder"] if call == "cross" else x
        shape = (x.shape[0], model.heads, x.shape[1], model.head_size)
        query = linear(t, x, q).view(*shape)
        key, value = linear(t, source, k).view(*shape), linear(t, source, v).view(*shape)
        context = attention(t, query, key, value, inputs.calls[call])
        del query, key, value
        return linear(t, context, o)

    return run


def feed(model: EncoderDecoder, weights: Weights, size: int) -> Block:
    """The feed-forward half (modeling_t5.py, T5DenseActDense and T5DenseGatedActDense; modeling_bart.py)."""
    ups = [weights.linear(name, size, model.hidden, model.bias) for name in model.mlp_names[:-1]]
    down = weights.linear(model.mlp_names[-1], model.hidden, size, model.bias)

    def run(t: Tape, x: Tensor, inputs: Inputs) -> Tensor:
        hidden = activated(t, linear(t, x, ups[0]), model.activation)
        if len(ups) > 1:
            hidden = mul(t, hidden, linear(t, x, ups[1]), "MLP product")
        if model.norm_first:
            hidden = cast(t, dropout(t, hidden, model.dropout), down.weight.dtype, "MLP activation, cast")
        return linear(t, hidden, down)

    return run
