"""Losses over log-probabilities of given tokens: DPO and its relatives, GRPO."""

from __future__ import annotations

from vramlint.memory.ops.basic import add, copied, scaled
from vramlint.memory.ops.loss import cross_entropy
from vramlint.memory.ops.shape import piece
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Gradients, Tensor


def token_log_probabilities(t: Tape, logits: Tensor, rows: int) -> Tensor:
    """TRL's selective_log_softmax over logits [rows × tokens, V] (trl 1.10, trainer/utils.py).

    float32: the logits themselves are kept, row by row a log-sum-exp; 16 bit: a log-softmax a row is kept.
    Backward makes a gradient for every row, stacks them, and adds the gradient of the gathered logits,
    which starts as zeros of the whole shape.
    """
    shape, dtype = logits.shape, logits.dtype
    row = (max(1, shape[0] // max(1, rows)), shape[-1])
    tracked = t.recording and logits.node is not None
    if dtype == "float32":
        saved = t.save(logits) if tracked else None
        t.new(row, dtype, "exponentials of a row")
    else:
        kept = t.new(shape, dtype, "log-softmax of every row")
        saved = t.save(logits, kept) if tracked else None
        del kept
    loss = t.new((1,), "float32", "loss")
    if saved is None:
        return loss
    keep = saved

    def backward(grad: Tensor) -> Gradients:
        gathered = t.new(shape, dtype, "gradient of the gathered logits")
        held = keep.open()
        by_row = t.new(shape, dtype, "gradients of the rows")
        temporary = t.new(row, dtype, "softmax of a row")
        del temporary, held
        stacked = t.new(shape, dtype, "gradients of the rows, stacked")
        del by_row, gathered
        return (stacked,)

    return t.record(loss, (logits.node,), backward)


def kernel_log_probabilities(t: Tape, logits: Tensor) -> Tensor:
    """The same in one Triton kernel, which keeps the logits and makes one gradient
    (trl 1.14, kernels/logprob_entropy.py).
    """
    shape, dtype = logits.shape, logits.dtype
    saved = t.save(logits) if t.tracks(logits) else None
    loss = t.new((1,), "float32", "log-probabilities")
    if saved is None:
        return loss

    def backward(grad: Tensor) -> Gradients:
        held = saved.open()
        result = t.new(shape, dtype, "gradient of the shifted logits")
        del held
        return (result,)

    return t.record(loss, (logits.node,), backward)


def odds_ratio_loss(t: Tape, logits: Tensor, kernel: bool) -> Tensor:
    """ORPO over the logits of chosen and rejected sequences [2 × pairs, tokens, V]: a cross entropy over the
    chosen half, beside the log-probabilities of both (trl 1.16, experimental/orpo/orpo_trainer.py,
    concatenated_forward). `kernel`: a Triton kernel takes the log-probabilities.
    """
    rows, tokens, words = logits.shape
    half = piece(t, logits, (rows // 2, tokens, words), "the chosen half of the logits")
    shifted = piece(t, half, (rows // 2, tokens - 1, words), "the shifted logits")
    del half
    flat = copied(t, shifted, "logits of the chosen half, shifted") if rows > 2 else shifted
    del shifted
    likelihood = cross_entropy(t, flat.view(rows // 2 * (tokens - 1), words))
    del flat
    scored = piece(t, logits, (rows, tokens - 1, words), "the shifted logits")
    if kernel:
        odds = kernel_log_probabilities(t, scored)
    else:
        odds = token_log_probabilities(t, scored.view(rows * (tokens - 1), words), rows)
    return add(t, likelihood, odds, "loss")


def policy_loss(t: Tape, logits: Tensor, rows: int) -> Tensor:
    """GRPO and RLOO: logits of the completion, divided by the temperature, which is one more copy (trl 1.10,
    trainer/grpo_trainer.py).
    """
    return token_log_probabilities(t, scaled(t, logits, "logits over the temperature"), rows)
