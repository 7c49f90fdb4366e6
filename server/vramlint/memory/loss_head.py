"""From the last hidden states to the loss, as objective, loss kernel and library versions have it."""

from __future__ import annotations

from vramlint.job import TrainingJob
from vramlint.memory.architectures.network import Network
from vramlint.memory.objectives import objective_of
from vramlint.memory.ops.basic import cast
from vramlint.memory.ops.fused_loss import chunked_outputs_loss, fused_linear_cross_entropy, tiled_head_loss
from vramlint.memory.ops.linear import linear
from vramlint.memory.ops.loss import causal_loss, chunked_loss, pooled_loss, sliced, softcapped
from vramlint.memory.ops.preference import policy_loss, preference_loss
from vramlint.memory.tape import Tape, Tensor
from vramlint.memory.versions import logits_copies

TRL_CHUNK = 256
"""Tokens whose logits exist at a time in TRL's chunked loss (trl 1.10, trainer/sft_trainer.py,
_CHUNKED_LM_HEAD_CHUNK_SIZE).
"""


def loss_of(t: Tape, job: TrainingJob, network: Network, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """The loss and, where they exist and outlive it, the logits."""
    if network.loss is not None:
        return network.loss(t, x)
    head = network.head
    tokens = job.micro_batch_size * job.sequence_length
    kind = objective_of(job).loss
    if kind == "score":
        return pooled_loss(t, linear(t, x, head, "scores")), None
    if isinstance(job.loss, int):
        # LitGPT's loop holds the logits while backward runs, turned to float32 by Fabric
        # (litgpt/finetune/lora.py, fit; lightning precision plugins).
        keeps_logits = job.runtime == "litgpt"
        return chunked_outputs_loss(t, x, head, job.loss, network.logit_cap, keeps_logits), None
    if job.loss == "trl-chunked":
        return chunked_loss(t, x, head, TRL_CHUNK, network.logit_cap), None
    if job.loss == "trl-fused-head":
        return tiled_head_loss(t, x, head), None
    if job.loss == "fused-linear":
        return fused_linear_cross_entropy(t, x, head), None
    # Frameworks with a loop of their own compile the layers; transformers compiles the whole model, its loss
    # included.
    t.compiled = t.compiled and job.in_trainer
    if kind == "preference":
        return preference_loss(t, _flat(linear(t, x, head, "logits")), job.micro_batch_size), None
    if kind == "policy":
        return policy_loss(
            t, _flat(linear(t, _completion(t, job, x), head, "logits")), job.micro_batch_size
        ), None
    copies = logits_copies(job)
    logits = linear(t, x, head, "logits")
    if network.logit_cap:
        logits = softcapped(t, logits)
    if copies.upcast == "model":
        logits = cast(t, logits, "float32", "logits in float32")
    flat = logits.view(tokens, head.weight.shape[0])
    loss = causal_loss(t, flat, tokens, copies, in_place=job.loss == "fused-cross-entropy")
    return loss, logits


def _flat(logits: Tensor) -> Tensor:
    return logits.view(logits.shape[0] * logits.shape[1], logits.shape[-1])


def _completion(t: Tape, job: TrainingJob, x: Tensor) -> Tensor:
    """The hidden states of the completion's tokens: only their logits are made (`logits_to_keep`)."""
    length = job.generation.completion_length if job.generation is not None else job.sequence_length
    return sliced(t, x.view(x.shape[0] * x.shape[1], x.shape[-1]), x.shape[0] * min(length, x.shape[1])).view(
        x.shape[0], min(length, x.shape[1]), x.shape[-1]
    )
