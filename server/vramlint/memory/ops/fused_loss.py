"""Losses that never hold all logits: head and cross entropy together, piece by piece."""

from __future__ import annotations

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.ledger import DTYPE_BYTES, Shape, numel
from vramlint.memory.ops.basic import cast
from vramlint.memory.ops.linear import Linear, linear
from vramlint.memory.ops.loss import cross_entropy, sliced, softcapped
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor


def next_power_of_two(value: int) -> int:
    """The smallest power of two that is not below `value`."""
    return 1 << max(0, value - 1).bit_length()


def fused_linear_cross_entropy(t: Tape, hidden: Tensor, head: Linear) -> Tensor:
    """Head and loss in one kernel, chunk by chunk, gradients made in the forward pass (liger-kernel 0.8,
    ops/fused_linear_cross_entropy.py).

    Chunks have next_pow2(tokens / ceil(V / h)) rows. The hidden states' gradient is as large as they are;
    the weight's gradient is made at once where the head is trained, each chunk's product of it in the
    compute dtype and once more in float32.
    """
    rows, width = hidden.shape[0] * hidden.shape[1], hidden.shape[-1]
    weight = head.weight
    vocabulary = weight.shape[0]
    compute = t.autocast or hidden.dtype
    chunk = min(rows, next_power_of_two(-(-rows // -(-vocabulary // width))))
    to_hidden = t.new(hidden.shape, hidden.dtype, "gradient of the last hidden states")
    to_weight = (
        t.new(weight.shape, weight.dtype, "gradient of the head, made in forward")
        if weight.trainable and t.recording
        else None
    )
    logits = t.new((chunk, vocabulary), compute, "logits of a chunk")
    if to_weight is not None:
        product = t.new(weight.shape, compute, "head gradient of a chunk")
        wide = (
            t.new(weight.shape, "float32", "head gradient of a chunk, float32")
            if compute != "float32"
            else None
        )
        del product, wide
    del logits
    loss = t.new((1,), "float32", "loss")
    if not t.tracks(hidden, weight):
        return loss
    saved = t.save(to_hidden, to_weight)
    del to_hidden, to_weight

    def backward(grad: Tensor) -> Gradients:
        first, second = saved.open()
        return second, first

    return t.record(loss, (weight if weight.trainable else None, hidden.node), backward)


TILE_TOKENS, TILE_WORDS = 4096, 32768
"""A tile of TRL's fused head, whatever the vocabulary (trl 1.16, kernels/chunked_logprob.py,
TOKEN_CHUNK_SIZE; trainer/utils.py, _CHUNKED_LOGPROB_CHUNK_SIZE).
"""


@dataclass(frozen=True, slots=True)
class Tile:
    """The buffers of one tile: its logits, and where dtypes differ the casts of its states and head rows."""

    compute: str
    logits: Shape
    states: Shape | None
    rows: tuple[Shape, ...]
    """Rows of the head in the first tile, in the one after it, and in the last; empty where none are cast."""

    def held(self, t: Tape, tile: int = 0) -> list[Tensor]:
        """What the local variables of the loop hold while the product of the first or last tile runs."""
        held = [t.new(self.logits, self.compute, "logits of a tile")]
        if self.states:
            held.append(t.new(self.states, self.compute, "hidden states of a tile, cast"))
        if self.rows:
            held.append(t.new(self.rows[tile], self.compute, "head rows of a tile, cast"))
        return held


def tile_of(t: Tape, hidden: Tensor, weight: Parameter) -> Tile:
    """The tile of a head over hidden states [rows, hidden]."""
    compute, (vocabulary, width) = t.autocast or hidden.dtype, weight.shape
    tokens = min(hidden.shape[0], TILE_TOKENS)
    sizes = [min(TILE_WORDS, vocabulary - start) for start in range(0, vocabulary, TILE_WORDS)]
    rows = tuple((size, width) for size in (sizes[0], sizes[1] if len(sizes) > 1 else 0, sizes[-1]))
    return Tile(
        compute,
        logits=(tokens, TILE_WORDS),
        states=(tokens, width) if hidden.dtype != compute else None,
        rows=rows if weight.dtype != compute else (),
    )


def tiled_head_loss(
    t: Tape, hidden: Tensor, head: Linear, scored: int, adds_in_float32: bool = True
) -> Tensor:
    """TRL's fused head from 1.16 over `scored` of the tokens, tile by tile (trl/kernels/chunked_logprob.py,
    ChunkedLogProbFunction; trainer/utils.py, add_fused_lm_head).

    Backward makes each tile again, adds both gradients up in float32, and casts them while its local
    variables still hold the last tile. Casts of two tiles' head rows coexist in its loop.
    `adds_in_float32`: the matrix product does so itself (torch from 2.8); else its operands are copied.
    """
    weight = head.weight
    states = scored_states(t, hidden, scored)
    tile = tile_of(t, states, weight)
    saved = None
    if t.tracks(states, weight):
        saved = t.save(states, t.new((scored, 2), "float32", "log-sum-exp and entropy"))
    loss = t.new((scored,), "float32", "log-probabilities")
    tile.held(t)
    if saved is None:
        return loss
    source, given, shape, trained = states.node, states.dtype, states.shape, weight.trainable
    del states

    def backward(grad: Tensor) -> Gradients:
        opened = saved.open()
        to_states = t.new(shape, "float32", "gradient of the scored states, float32") if source else None
        to_weight = t.new(weight.shape, "float32", "gradient of the head, float32") if trained else None
        local = tile.held(t)
        if tile.rows:
            t.scratch(numel(tile.rows[1]) * DTYPE_BYTES[tile.compute], "head rows of the next tile, cast")
        if not adds_in_float32 and tile.compute != "float32":
            operands = numel(tile.logits) + min(weight.shape[0], TILE_WORDS) * weight.shape[1]
            t.scratch(4 * operands, "operands of a product in float32")
        local.clear()
        local = tile.held(t, -1)
        results = (
            cast(t, to_weight, weight.dtype, f"gradient of {weight.name}") if to_weight else None,
            cast(t, to_states, given, "gradient of the scored states") if to_states else None,
        )
        del opened, local
        return results

    return t.record(loss, (weight if trained else None, source), backward)


def scored_states(t: Tape, hidden: Tensor, scored: int) -> Tensor:
    """`hidden[:, :-1][mask]`: a copy of the states of the `scored` tokens; their gradient is written into
    zeros of the slice's shape, and those into zeros of the whole.
    """
    batch, tokens, width = hidden.shape
    index = t.new((scored, 2), "int64", "places of the scored tokens")
    saved = t.save(index) if t.tracks(hidden) else None
    out = t.new((scored, width), hidden.dtype, "states of the scored tokens")
    if saved is None:
        return out
    whole, dtype = hidden.shape, hidden.dtype

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        shifted = t.new((batch, tokens - 1, width), dtype, "gradient of the shifted hidden states")
        del held, grad
        result = t.new(whole, dtype, "gradient of the hidden states, zero-padded")
        del shifted
        return (result,)

    return t.record(out, (hidden.node,), backward)


def head_in_chunks(t: Tape, hidden: Tensor, head: Linear, chunks: int) -> Tensor:
    """Head, cross entropy and backward of one chunk of the rows after the other, inside forward: the hidden
    states' gradient adds up in float32 and is cast in the end, the head's over the chunks (torchtitan 0.3,
    components/loss.py, ChunkedLossWrapper; CrossEntropyLoss turns the logits to float32).

    The loop holds the logits of the chunk before while it makes the next. The head's gradient is left in the
    dtype of the weight; a sharded one adds up in float32 meanwhile, beside the product of a chunk.
    """
    rows, weight = hidden.shape[0] * hidden.shape[1], head.weight
    compute = t.autocast or hidden.dtype
    part = (-(-rows // chunks), weight.shape[0])
    trains = t.recording and t.tracks(hidden, weight)
    makes_head_gradient = trains and weight.trainable
    total = t.new(hidden.shape, "float32", "gradient of the last hidden states, float32") if trains else None
    summed = t.new(weight.shape, "float32", "gradient of the head, added up") if makes_head_gradient else None
    held: list[Tensor] = []
    for _ in range(min(chunks, 2)):
        logits = t.new(part, compute, "logits of a chunk")
        held.clear()
        wide = t.new(part, "float32", "logits of a chunk in float32") if compute != "float32" else None
        log_softmax = t.new(part, "float32", "log-softmax of a chunk")
        del wide
        if trains:
            likelihood = t.new(part, "float32", "gradient of the log-softmax of a chunk")
            back = t.new(part, "float32", "gradient of the logits of a chunk")
            del likelihood, log_softmax
            narrow = cast(t, back, compute, "gradient of the logits of a chunk, cast")
            del back
            product = t.new(weight.shape, compute, "head gradient of a chunk") if summed is not None else None
            del narrow, product
        held.append(logits)
    held.clear()
    loss = t.new((1,), "float32", "loss")
    if total is None:
        return loss
    to_weight = t.new(weight.shape, weight.dtype, "gradient of the head") if summed is not None else None
    del summed
    saved = t.save(cast(t, total, hidden.dtype, "gradient of the last hidden states"), to_weight)
    del total, to_weight

    def backward(grad: Tensor) -> Gradients:
        first, second = saved.open()
        return second, first

    return t.record(loss, (weight if weight.trainable else None, hidden.node), backward)


def chunked_outputs_loss(
    t: Tape, hidden: Tensor, head: Linear, chunks: int, cap: bool, keeps_logits: bool
) -> Tensor:
    """Head and cross entropy chunk by chunk; autograd keeps every chunk's float32 log-softmax (torchtune
    modules/loss/cross_entropy_loss.py).

    `keeps_logits`: the loop holds the float32 logits until backward is through with them. At most 16
    chunks are walked one by one.
    """
    rows, chunks = hidden.shape[0] * hidden.shape[1], min(chunks, 16)
    flat = hidden.view(rows, hidden.shape[-1])
    kept: list[Tensor] = []
    if keeps_logits and t.recording and hidden.node is not None:

        def let_go(grad: Tensor) -> Gradients:
            kept.clear()
            return (grad,)

        flat = t.record(Tensor(flat.storage, flat.shape, flat.dtype), (hidden.node,), let_go)
    losses = []
    for _ in range(chunks):
        logits = linear(t, sliced(t, flat, -(-rows // chunks)), head, "logits of a chunk")
        if cap:
            logits = softcapped(t, logits)
        if not t.compiled:
            logits = cast(t, logits, "float32", "logits of a chunk in float32")
        losses.append(cross_entropy(t, logits))
        if keeps_logits:
            kept.append(logits)
        del logits
    total = t.new((1,), "float32", "loss")
    nodes = tuple(loss.node for loss in losses)
    if any(nodes):
        t.record(total, nodes, lambda grad: tuple(grad.detach() for _ in nodes))
    return total
