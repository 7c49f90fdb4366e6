"""From the last hidden states to the loss: who holds how many copies of the logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from vramlint.memory.checkpointing import checkpoint
from vramlint.memory.ops.basic import activation, cast, copied, scaled
from vramlint.memory.ops.linear import Linear
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Parameter, Tensor
from vramlint.memory.versions import LogitsCopies


def cross_entropy(t: Tape, logits: Tensor) -> Tensor:
    """`F.cross_entropy`: the log-softmax stays for backward, which makes the gradient of the likelihood and
    then that of the logits.
    """
    dtype, shape = logits.dtype, logits.shape
    if t.compiled:
        return compiled_cross_entropy(t, logits)
    log_softmax = t.new(shape, dtype, "log-softmax of the logits")
    source = logits.node
    if source is None or not t.recording:
        return t.new((1,), "float32", "loss")
    saved = t.save(log_softmax)
    del log_softmax
    loss = t.new((1,), "float32", "loss")

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        likelihood = t.new(shape, dtype, "gradient of the log-softmax")
        result = t.new(shape, dtype, "gradient of the logits")
        del held, likelihood
        return (result,)

    return t.record(loss, (source,), backward)


def distributed_cross_entropy(t: Tape, logits: Tensor) -> Tensor:
    """Cross entropy over each rank's words as DTensor's `loss_parallel` has it, operation by operation:
    backward adds the probabilities to a whole tensor that is zero but for the labels (torch 2.13,
    distributed/tensor/parallel/loss.py, _nll_loss_and_log_softmax_backward).
    """
    shape, dtype = logits.shape, logits.dtype
    if t.compiled:
        return compiled_cross_entropy(t, logits)
    shifted = t.new(shape, dtype, "logits less their maximum")
    t.new(shape, dtype, "probabilities, not normalised")
    log_softmax = t.new(shape, dtype, "log-softmax of the logits")
    del shifted
    loss = t.new((1,), "float32", "loss")
    source = logits.node
    if source is None or not t.recording:
        return loss
    saved = t.save(log_softmax)
    del log_softmax

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        labels = t.new(shape, dtype, "gradient of the labels")
        probabilities = t.new(shape, dtype, "probabilities")
        total = t.new(shape, dtype, "gradient of the log-softmax")
        del probabilities
        result = t.new(shape, dtype, "gradient of the logits")
        del held, labels, total
        return (result,)

    return t.record(loss, (source,), backward)


def compiled_cross_entropy(t: Tape, logits: Tensor) -> Tensor:
    """Cross entropy as torch.compile fuses it: the 16-bit logits and one statistic a row are kept, float32
    lives in registers.
    """
    loss = t.new((1,), "float32", "loss")
    source = logits.node
    if source is None or not t.recording:
        return loss
    saved = t.save(logits)
    shape, dtype = logits.shape, logits.dtype

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        result = t.new(shape, dtype, "gradient of the logits")
        del held
        return (result,)

    return t.record(loss, (source,), backward)


def pooled_loss(t: Tape, scores: Tensor) -> Tensor:
    """A loss over one score a sequence, taken from the scores of all tokens (transformers modeling_layers.py,
    GenericForSequenceClassification).
    """
    loss = t.new((1,), "float32", "loss")
    if t.recording and scores.node is not None:
        shape, dtype = scores.shape, scores.dtype
        t.record(
            loss, (scores.node,), lambda grad: (t.new(shape, dtype, "gradient of the scores, zero-padded"),)
        )
    return loss


def softcapped(t: Tape, logits: Tensor) -> Tensor:
    """`cap * tanh(logits / cap)` (modeling_gemma2.py): two more copies, one of them kept."""
    logits = scaled(t, logits, "logits over the cap")
    logits = activation(t, logits, "tanh of the logits", saves="output")
    return scaled(t, logits, "logits, capped")


def in_place_cross_entropy(t: Tape, logits: Tensor) -> Tensor:
    """A cross-entropy kernel that writes the gradient over the logits: no log-softmax (liger-kernel 0.8
    ops/cross_entropy.py, Unsloth's kernel).
    """
    loss = t.new((1,), "float32", "loss")
    source = logits.node
    if source is None or not t.recording:
        return loss
    saved = t.save(logits)

    def backward(grad: Tensor) -> Gradients:
        (held,) = saved.open()
        return (held,)

    return t.record(loss, (source,), backward)


def vocabulary_parallel_loss(t: Tape, logits: Tensor) -> Tensor:
    """Megatron's cross entropy over each rank's words: a float32 copy that becomes the softmax, and in
    backward its gradient (Megatron-LM, core/tensor_parallel/cross_entropy.py).
    """
    return in_place_cross_entropy(t, cast(t, logits, "float32", "logits in float32, then their softmax"))


CrossEntropy: TypeAlias = Callable[[Tape, Tensor], Tensor]


def causal_loss(
    t: Tape,
    logits: Tensor,
    tokens: int,
    copies: LogitsCopies,
    in_place: bool = False,
    plain: CrossEntropy = cross_entropy,
) -> Tensor:
    """transformers' ForCausalLMLoss: logits to float32, labels padded and shifted, cross entropy
    (loss/loss_utils.py, 5.23); `copies` says what other releases and families do. `in_place`: a kernel
    that writes the gradient over the logits stands in for the plain cross entropy (it takes 16-bit logits
    too, where no copy is made before it). `plain`: what else runs.
    """
    if copies.upcast and not t.compiled and (not in_place or copies.shifted):
        logits = cast(t, logits, "float32", "logits in float32")
    labels = t.new((tokens,), "int64", "labels, padded")
    labels = t.new((tokens,), "int64", "labels, shifted")
    shifted = sliced_copy(t, logits) if copies.shifted else logits
    if t.autocast and not in_place and not t.compiled:
        shifted = cast(t, shifted, "float32", "logits, cast by autocast")
    loss = in_place_cross_entropy(t, shifted) if in_place else plain(t, shifted)
    del labels, logits
    return loss


def sliced_copy(t: Tape, x: Tensor) -> Tensor:
    """`x[..., :-1, :].contiguous()`: a copy; its gradient is written into zeros of the whole shape."""
    return gathered(t, x, "logits, shifted")


def weight_cast(t: Tape, weight: Parameter, dtype: str) -> Tensor:
    """`weight.to(dtype)` inside the graph: its gradient is cast back."""
    if weight.dtype == dtype:
        out = Tensor(None, weight.shape, dtype)
    else:
        out = t.new(weight.shape, dtype, f"{weight.name} in {dtype}")
    if t.recording and weight.trainable:
        t.record(out, (weight,), lambda grad: (grad,))
    return out


def tensor_product(t: Tape, a: Tensor, b: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    """`a @ b.t()` of two tensors, autocast applied to both (a cast of a non-leaf is never cached)."""
    if t.autocast:
        a, b = (
            cast(t, a, t.autocast, f"{name}, left, cast by autocast"),
            cast(t, b, t.autocast, f"{name}, right, cast by autocast"),
        )
    saved = (
        t.save(b if a.node is not None else None, a if b.node is not None else None)
        if t.tracks(a, b)
        else None
    )
    out = t.new(shape, a.dtype, name)
    if saved is None:
        return out
    wants, first, second, dtype, keep = (
        (a.node is not None, b.node is not None),
        a.shape,
        b.shape,
        a.dtype,
        saved,
    )

    def backward(grad: Tensor) -> Gradients:
        held = keep.open()
        to_a = t.new(first, dtype, f"gradient of {name}, left") if wants[0] else None
        to_b = t.new(second, dtype, f"gradient of {name}, right") if wants[1] else None
        del held
        return to_a, to_b

    return t.record(out, (a.node, b.node), backward)


def one_chunk(t: Tape, hidden: Tensor, head: Linear, cap: bool) -> Tensor:
    """One chunk of TRL's chunked loss, with the entropy it also reports (trl 1.10, trainer/sft_trainer.py,
    _chunk).
    """
    rows, vocabulary = hidden.shape[0], head.weight.shape[0]
    wide = cast(t, hidden, "float32", "hidden states in float32")
    weight = weight_cast(t, head.weight, "float32")
    logits = tensor_product(t, wide, weight, (rows, vocabulary), "logits of a chunk")
    del wide, weight
    if cap:
        logits = softcapped(t, logits)
    log_softmax = t.new(logits.shape, "float32", "log-softmax of a chunk")
    source = logits.node
    saved = t.save(log_softmax) if source is not None else None
    loss = t.new((1,), "float32", "loss of a chunk")
    if saved is not None:
        shape, dtype, keep = logits.shape, logits.dtype, saved

        def backward(grad: Tensor) -> Gradients:
            held = keep.open()
            likelihood = t.new(shape, "float32", "gradient of the log-softmax")
            result = t.new(shape, "float32", "gradient of the logits")
            del held, likelihood
            if dtype != "float32":
                result = t.new(shape, dtype, "gradient of the logits, cast")
            return (result,)

        t.record(loss, (source,), backward)
    exponent = t.new(logits.shape, "float32", "probabilities of a chunk")
    if source is not None:
        t.save(exponent)
    product = t.new(logits.shape, "float32", "entropy terms of a chunk")
    if source is not None:
        t.save(exponent, log_softmax)
    negated = t.new(logits.shape, "float32", "entropy terms of a chunk, negated")
    del exponent, product
    if source is not None:
        t.save(t.new((rows,), "bool", "valid labels of a chunk"))
    del negated
    return loss


def sliced(t: Tape, x: Tensor, rows: int) -> Tensor:
    """`x[start:stop]`: a view whose gradient is written into zeros of the whole shape."""
    out = Tensor(x.storage, (rows, *x.shape[1:]), x.dtype)
    if t.recording and x.node is not None:
        shape, dtype = x.shape, x.dtype
        t.record(
            out, (x.node,), lambda grad: (t.new(shape, dtype, "gradient of the hidden states, zero-padded"),)
        )
    return out


def gathered(t: Tape, x: Tensor, name: str) -> Tensor:
    """`x[order]`: a copy; its gradient is written into zeros of the same shape."""
    out = t.new(x.shape, x.dtype, name)
    if t.recording and x.node is not None:
        shape, dtype = x.shape, x.dtype
        t.record(out, (x.node,), lambda grad: (t.new(shape, dtype, f"gradient of {name}"),))
    return out


def chunked_loss(t: Tape, hidden: Tensor, head: Linear, chunk: int, cap: bool) -> Tensor:
    """TRL's chunked_nll: the valid tokens in chunks, each checkpointed, the head's weight upcast to float32
    in each (trl 1.10).

    All chunks but the first are alike, so two are walked whatever their number.
    """
    rows = hidden.shape[0] * hidden.shape[1]
    flat = hidden.view(rows, hidden.shape[-1])
    if hidden.shape[0] > 1:
        flat = copied(t, hidden, "hidden states, shifted").view(rows, hidden.shape[-1])
    ordered = gathered(t, flat, "hidden states, ordered")
    del flat
    losses = []
    for _ in range(min(2, -(-rows // chunk))):
        part = sliced(t, ordered, min(rows, chunk))
        losses.append(checkpoint(t, lambda tape, x: one_chunk(tape, x, head, cap), part))
    total = t.new((1,), "float32", "loss")
    nodes = tuple(loss.node for loss in losses)
    if any(nodes):
        t.record(total, nodes, lambda grad: tuple(grad.detach() for _ in nodes))
    return total


def token_loss(t: Tape, logits: Tensor) -> Tensor:
    """`CrossEntropyLoss` on the logits as they are (modeling_bert.py, BertForMaskedLM; modeling_t5.py).

    The log-softmax has the logits' dtype; autocast casts it to float32 for the likelihood, which keeps
    that copy (aten/src/ATen/native/LossNLL.cpp, cross_entropy_loss names the dtype; autocast_mode.h lists
    nll_loss under float32).
    """
    rows = logits.view(logits.shape[0] * logits.shape[1], logits.shape[-1])
    if not t.autocast or rows.dtype == "float32":
        return cross_entropy(t, rows)
    shape, dtype, source = rows.shape, rows.dtype, rows.node
    log_softmax = t.new(shape, dtype, "log-softmax of the logits")
    wide = t.new(shape, "float32", "log-softmax in float32")
    if source is None or not t.recording:
        return t.new((1,), "float32", "loss")
    kept, saved = t.save(log_softmax), t.save(wide)
    del log_softmax, wide

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        likelihood = t.new(shape, "float32", "gradient of the log-softmax")
        del held
        cast_likelihood = t.new(shape, dtype, "gradient of the log-softmax, cast")
        del likelihood
        held = kept.open()
        result = t.new(shape, dtype, "gradient of the logits")
        del held, cast_likelihood
        return (result,)

    return t.record(t.new((1,), "float32", "loss"), (source,), backward)
