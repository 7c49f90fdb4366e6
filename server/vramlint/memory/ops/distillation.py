"""Divergences between a student's and a teacher's next-token distributions, over all logits of both."""

from __future__ import annotations

from vramlint.memory.ops.attention import softmax
from vramlint.memory.ops.basic import add, mul, scaled
from vramlint.memory.ops.generic import operation
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Tensor


def generalized_jsd_loss(t: Tape, student: Tensor, teacher: Tensor, beta: float) -> Tensor:
    """TRL's GKDTrainer.generalized_jsd_loss over logits [rows, tokens, V], operation by operation
    (trl 1.16, experimental/gkd/gkd_trainer.py). `beta` 0 is the forward, 1 the reverse KL divergence.

    The divided logits keep their names to the end, as the arguments that they replace do not.
    """
    student, teacher = (scaled(t, x, "logits over the temperature") for x in (student, teacher))
    ours, theirs = (log_softmax(t, x) for x in (student, teacher))
    if beta in (0, 1):
        source, target = (ours, theirs) if beta == 0 else (theirs, ours)
        return summed(t, kl_divergence(t, source, target))
    pair = stacked(t, (shifted(t, ours), shifted(t, theirs)))
    mixture = log_sum_exp(t, pair)
    kl_teacher, kl_student = kl_divergence(t, mixture, theirs), kl_divergence(t, mixture, ours)
    parts = scaled(t, kl_teacher, "divergence, weighted"), scaled(t, kl_student, "divergence, weighted")
    divergence = add(t, *parts, "divergence of both")
    del parts
    return summed(t, divergence)


def log_softmax(t: Tape, x: Tensor) -> Tensor:
    """`F.log_softmax`: keeps its result; backward makes one tensor."""
    return softmax(t, x, x.dtype, "log-softmax")


def shifted(t: Tape, x: Tensor) -> Tensor:
    """`x + number`: a new tensor, the same gradient."""
    return operation(t, (x,), x.shape, x.dtype, "log-softmax, weighted")


def stacked(t: Tape, parts: tuple[Tensor, Tensor]) -> Tensor:
    """`torch.stack`: a copy of both; their gradients are views of its own."""
    shape, dtype = parts[0].shape, parts[0].dtype
    out = t.new((2, *shape), dtype, "log-softmax of both")
    if t.tracks(*parts):
        nodes = tuple(part.node for part in parts)
        t.record(out, nodes, lambda grad: tuple(grad.detach().view(*shape) for _ in range(2)))
    return out


def log_sum_exp(t: Tape, pair: Tensor) -> Tensor:
    """`torch.logsumexp(pair, 0)`: keeps input and result; one temporary of the input's shape each way."""
    shape, dtype = pair.shape, pair.dtype
    saved = t.save(pair) if t.tracks(pair) else None
    result = t.new(shape[1:], dtype, "log of the mixture")
    maximum, exponent = (
        t.new(shape[1:], dtype, "maximum of both"),
        t.new(shape, dtype, "exponentials of both"),
    )
    del maximum, exponent
    if saved is None:
        return result
    own = t.save(result.detach())

    def backward(grad: Tensor) -> Gradients:
        held = saved.open(), own.open()
        difference = t.new(shape, dtype, "log-softmax less the mixture")
        exponent = t.new(shape, dtype, "shares of the mixture")
        del difference
        product = t.new(shape, dtype, "gradient of the log-softmax of both")
        del held, exponent
        return (product,)

    return t.record(result, (pair.node,), backward)


def kl_divergence(t: Tape, source: Tensor, target: Tensor) -> Tensor:
    """`F.kl_div(source, target, log_target=True)`: `exp(target) * (target - source)` of three operations."""
    exponent = operation(t, (target,), target.shape, target.dtype, "probabilities", keeps_output=True)
    difference = less(t, target, source)
    return mul(t, exponent, difference, "divergence")


def less(t: Tape, a: Tensor, b: Tensor) -> Tensor:
    """`a - b`: saves nothing; the gradient of `b` is a negated copy."""
    out = t.new(a.shape, a.dtype, "difference of the log-softmax")
    if t.tracks(a, b):
        shape, dtype, wants = b.shape, b.dtype, (a.node is not None, b.node is not None)
        t.record(
            out,
            (a.node, b.node),
            lambda grad: (
                grad.detach() if wants[0] else None,
                t.new(shape, dtype, "gradient, negated") if wants[1] else None,
            ),
        )
    return out


def summed(t: Tape, divergence: Tensor) -> Tensor:
    """`divergence[mask].sum()`: a copy of the labelled rows, whose gradient is written into zeros."""
    shape, dtype = divergence.shape, divergence.dtype
    rows = operation(t, (divergence,), shape, dtype, "divergence of the labelled tokens")
    loss = t.new((1,), "float32", "loss")
    if rows.node is not None and t.recording:
        t.record(loss, (rows.node,), lambda grad: (Tensor(None, shape, dtype),))
    return loss
