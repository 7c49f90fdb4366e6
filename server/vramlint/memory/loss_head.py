"""From the last hidden states to the loss, as objective, loss kernel and library versions have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from vramlint.job import TrainingJob
from vramlint.memory.architectures.network import Network
from vramlint.memory.objectives import objective_of
from vramlint.memory.ops.basic import cast, dropout
from vramlint.memory.ops.distillation import generalized_jsd_loss
from vramlint.memory.ops.fused_loss import (
    chunked_outputs_loss,
    fused_linear_cross_entropy,
    head_in_chunks,
    tiled_head_loss,
)
from vramlint.memory.ops.linear import Linear, linear
from vramlint.memory.ops.loss import (
    causal_loss,
    chunked_loss,
    cross_entropy,
    distributed_cross_entropy,
    pooled_loss,
    sliced,
    softcapped,
    vocabulary_parallel_loss,
)
from vramlint.memory.ops.preference import odds_ratio_loss, policy_loss, token_log_probabilities
from vramlint.memory.ops.shape import piece
from vramlint.memory.tape import Tape
from vramlint.memory.tensors import Parameter, Tensor
from vramlint.memory.versions import logits_copies, version_of
from vramlint.versions import at_least

TRL_CHUNK = 256
"""Tokens whose logits exist at a time in TRL's chunked loss (trl 1.10, trainer/sft_trainer.py,
_CHUNKED_LM_HEAD_CHUNK_SIZE).
"""
VALUE_DROPOUT = 0.1
"""Before a value head, where the model's config says nothing (trl 0.24, models/modeling_value_head.py)."""

DIVERGENCES = {"forward-kl": 0.0, "reverse-kl": 1.0}
"""Beta of the losses of distillation that are no mixture."""
WHOLE_LOGITS = frozenset({"full-logits", "fused-cross-entropy", "compiled", *DIVERGENCES})


def loss_of(t: Tape, job: TrainingJob, network: Network, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """The loss and, where they exist and outlive it, the logits."""
    if network.loss is not None:
        return network.loss(t, x)
    head = network.head
    tokens = job.micro_batch_size * job.sequence_length
    kind = objective_of(job).loss
    if kind == "score":
        return pooled_loss(t, linear(t, x, head, "scores")), None
    if kind == "value":
        return _value(t, network, x), None
    if isinstance(job.loss, int) and job.runtime == "torchtitan":
        return head_in_chunks(t, x, head, job.loss), None
    if isinstance(job.loss, int):
        # LitGPT's loop holds the logits while backward runs, turned to float32 by Fabric
        # (litgpt/finetune/lora.py, fit; lightning precision plugins).
        keeps_logits = job.runtime == "litgpt"
        return chunked_outputs_loss(t, x, head, job.loss, network.logit_cap, keeps_logits), None
    if job.loss == "trl-chunked":
        return chunked_loss(t, x, head, TRL_CHUNK, network.logit_cap), None
    if job.loss == "trl-fused-head":
        return tiled_head_loss(t, x, head, scored_tokens(job), adds_in_float32(job)), None
    if job.loss == "fused-linear":
        return fused_linear_cross_entropy(t, x, head), None
    # Frameworks with a loop of their own compile the layers, and some the loss by itself; transformers
    # compiles the whole model, its loss included.
    t.compiled = job.loss == "compiled" or (t.compiled and job.in_trainer)
    copies = logits_copies(job)
    logits = _logits(t, network, x)
    if copies.upcast == "model":
        logits = cast(t, logits, "float32", "logits in float32")
    flat = logits.view(tokens, head.weight.shape[0])
    if job.runtime == "megatron" and job.loss == "full-logits":
        return vocabulary_parallel_loss(t, flat), logits
    parted = job.runtime == "torchtitan" and job.parallel.tensor > 1
    plain = distributed_cross_entropy if parted else cross_entropy
    loss = causal_loss(t, flat, tokens, copies, job.loss == "fused-cross-entropy", plain)
    return loss, logits


def _value(t: Tape, network: Network, x: Tensor) -> Tensor:
    """A loss over the outputs of a value head (trl 0.24, models/modeling_value_head.py). The language head's
    logits are returned too, which accelerate turns to float32 under autocast, and are dropped then
    (LLaMA-Factory 0.9.5, train/rm/trainer.py, compute_loss).
    """
    with t.no_grad():
        logits = _logits(t, network, x)
    head = Linear(Parameter("v_head.summary.weight", (1, x.shape[-1]), "float32", True))
    hidden = cast(t, dropout(t, x, VALUE_DROPOUT), "float32", "hidden states in float32")
    values = linear(t, hidden, head, "values")
    del hidden
    if t.autocast:
        logits = cast(t, logits, "float32", "logits, converted to float32 by the trainer")
    del logits
    return pooled_loss(t, values)


def scored_tokens(job: TrainingJob) -> int:
    """Tokens whose labels count: all but the last of each row, or those of the completion."""
    length = job.sequence_length - 1
    if objective_of(job).loss == "policy" and job.generation is not None:
        length = min(length, job.generation.completion_length)
    return job.micro_batch_size * length


def adds_in_float32(job: TrainingJob) -> bool:
    """Whether torch has matrix products of 16-bit operands that add up in float32 (`addmm(out_dtype=…)`)."""
    return at_least(version_of("torch", job), "2.8")


LateLoss: TypeAlias = Callable[[Tape, TrainingJob, "list[Tensor | None]"], Tensor]
"""What the model returned to the loss; the list holds the only reference to it."""


def late_loss(job: TrainingJob) -> LateLoss | None:
    """The loss that a trainer computes itself from whole logits, outside of autocast; None where the model's
    own code, or a fused head, does.
    """
    kind = objective_of(job).loss
    if job.runtime == "megatron":
        return None  # the model returns the losses of the tokens, of which log-probabilities are made
    if kind == "policy" and job.loss == "fused-cross-entropy" and not job.in_trainer:
        return None  # a kernel takes log-probabilities of the logits as they come, and writes over them
    return LATE_LOSSES.get(kind) if job.loss in WHOLE_LOGITS else None


def returned_logits(t: Tape, job: TrainingJob, network: Network, x: Tensor) -> Tensor:
    """Logits as the model's wrapper returns them: accelerate turns them to float32 under autocast. Of a
    completion alone where only it is scored (`logits_to_keep`).
    """
    t.compiled = t.compiled and job.in_trainer
    if objective_of(job).loss == "policy":
        x = _completion(t, job, x)
    logits = _logits(t, network, x)
    return cast(t, logits, "float32", "logits, converted to float32 by the trainer") if t.autocast else logits


def _preference(t: Tape, job: TrainingJob, outputs: list[Tensor | None]) -> Tensor:
    logits = _taken(outputs)
    return token_log_probabilities(t, _flat(logits), job.micro_batch_size)


def _policy(t: Tape, job: TrainingJob, outputs: list[Tensor | None]) -> Tensor:
    return policy_loss(t, _flat(_taken(outputs)), job.micro_batch_size)


def _odds_ratio(t: Tape, job: TrainingJob, outputs: list[Tensor | None]) -> Tensor:
    return odds_ratio_loss(t, _taken(outputs), has_kernel(job))


def _divergence(t: Tape, job: TrainingJob, outputs: list[Tensor | None]) -> Tensor:
    """Against a teacher with the same vocabulary, whose logits are whole too; both without the last token."""
    student = _taken(outputs)
    rows, tokens, words = student.shape
    own = t.autocast or job.precision.weights
    teacher = cast(
        t, t.new(student.shape, own, "logits of the teacher"), student.dtype, "logits of the teacher"
    )
    parts = [piece(t, x, (rows, tokens - 1, words), "the shifted logits") for x in (student, teacher)]
    beta = DIVERGENCES.get(str(job.loss), 0.5)
    autocast, t.autocast = t.autocast, None
    loss = generalized_jsd_loss(t, parts[0], parts[1], beta)
    t.autocast = autocast
    return loss


def _taken(outputs: list[Tensor | None]) -> Tensor:
    logits = outputs.pop()
    assert logits is not None
    return logits


LATE_LOSSES: Mapping[str, LateLoss] = {
    "preference": _preference,
    "policy": _policy,
    "odds-ratio": _odds_ratio,
    "divergence": _divergence,
}


def has_kernel(job: TrainingJob) -> bool:
    """Whether TRL takes log-probabilities of logits in a Triton kernel, as it does on GPUs from 1.14."""
    return at_least(version_of("trl", job), "1.14")


def _logits(t: Tape, network: Network, x: Tensor) -> Tensor:
    logits = linear(t, x, network.head, "logits")
    return softcapped(t, logits) if network.logit_cap else logits


def _flat(logits: Tensor) -> Tensor:
    return logits.view(logits.shape[0] * logits.shape[1], logits.shape[-1])


def _completion(t: Tape, job: TrainingJob, x: Tensor) -> Tensor:
    """The hidden states of the completion's tokens: only their logits are made (`logits_to_keep`)."""
    length = job.generation.completion_length if job.generation is not None else job.sequence_length
    return sliced(t, x.view(x.shape[0] * x.shape[1], x.shape[-1]), x.shape[0] * min(length, x.shape[1])).view(
        x.shape[0], min(length, x.shape[1]), x.shape[-1]
    )
