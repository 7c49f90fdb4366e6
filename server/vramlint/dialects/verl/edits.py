"""Writing changes of a job into a verl file: fine-tuning, or the actor of reinforcement learning in FSDP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import UNSET, Changes, SetKey
from vramlint.dialects.kit.edits import Editor, edit, key, translated, without_accumulation
from vramlint.dialects.kit.reader import look_up
from vramlint.dialects.verl.keys import ACTOR, ROLLOUT
from vramlint.job import TrainingJob

_MODEL = "actor_rollout_ref.model"


def _counted(job: TrainingJob) -> tuple[str | int, ...] | None:
    """The key that counts the rows of a micro batch on each GPU; None where it is filled to a number of
    tokens, or counted over all GPUs.
    """
    path = job.written("micro_batch_size")
    return path if path is not None and str(path[-1]).endswith("micro_batch_size_per_gpu") else None


def _rows(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    """The rows of a step are said by a key of their own, so that accumulation follows."""
    path = _counted(job)
    return None if path is None else (SetKey(path, value),)


def _length(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    return None if _counted(job) is None else (SetKey(("data", "max_length"), value),)


def _editors(model: str, optimizer: str) -> dict[str, Editor]:
    """What both trainers say alike, under sections of their own."""
    return {
        "micro_batch_size": _rows,
        "gradient_checkpointing": translated(
            f"{model}.enable_gradient_checkpointing", {"full": True, "none": False}
        ),
        "activation_offload": key(f"{model}.enable_activation_offload"),
        "loss": translated(f"{model}.use_fused_kernels", {"fused-linear": True}),
        "optimizer": translated(f"{optimizer}.override_optimizer_config.fused", {"adamw_torch_fused": True}),
    }


_FINE_TUNING: Mapping[str, Editor] = {**_editors("model", "optim"), "sequence_length": _length}
_REINFORCEMENT: Mapping[str, Editor] = {
    **_editors(_MODEL, f"{ACTOR}.optim"),
    "generation.memory_fraction": key(f"{ROLLOUT}.gpu_memory_utilization"),
    "generation.sleep": translated(f"{ROLLOUT}.free_cache_engine", {"weights": True, "none": False}),
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`; None where the file cannot. Those of the first trainer for fine-tuning
    and of Megatron's actor are not written.
    """
    if job.runtime == "megatron" or look_up(values, "model.partial_pretrain") is not UNSET:
        return None
    table = _FINE_TUNING if job.objective == "sft" else _REINFORCEMENT
    rows_of_step = job.micro_batch_size * job.gradient_accumulation_steps
    micro = changes.get("micro_batch_size", job.micro_batch_size)
    steps = changes.get("gradient_accumulation_steps", job.gradient_accumulation_steps)
    if micro * steps != rows_of_step:
        return None
    return edit(table, values, job, without_accumulation(changes))
