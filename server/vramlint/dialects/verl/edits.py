"""Writing changes of a job into a verl file: fine-tuning, or the actor of reinforcement learning in FSDP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.engines.megatron import megatron_editors
from vramlint.dialects.kit.dialect import UNSET, Changes, SetKey
from vramlint.dialects.kit.edits import (
    BATCH,
    Editor,
    edit,
    key,
    translated,
    whole_batch,
    without_accumulation,
)
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


_STRATEGIES = {"fsdp1": "fsdp", "fsdp2": "fsdp2"}
_CLUSTER: Mapping[str, Editor] = {
    "gpu_count": key("trainer.n_gpus_per_node"),
    "nodes": key("trainer.nnodes"),
}
_FINE_TUNING: Mapping[str, Editor] = {
    **_editors("model", "optim"),
    **_CLUSTER,
    "sequence_length": _length,
    "parallel.strategy": translated("engine.strategy", _STRATEGIES),
    "parallel.context": key("engine.ulysses_sequence_parallel_size"),
}
_GENERATION: Mapping[str, Editor] = {
    "generation.memory_fraction": key(f"{ROLLOUT}.gpu_memory_utilization"),
    "generation.sleep": translated(f"{ROLLOUT}.free_cache_engine", {"weights": True, "none": False}),
}
_REINFORCEMENT: Mapping[str, Editor] = {
    **_editors(_MODEL, f"{ACTOR}.optim"),
    **_CLUSTER,
    **_GENERATION,
    "parallel.strategy": translated(f"{ACTOR}.strategy", _STRATEGIES),
    "parallel.context": key(f"{ACTOR}.ulysses_sequence_parallel_size"),
}
_OF_MEGATRON = f"{ACTOR}.megatron."
_MEGATRON: Mapping[str, Editor] = {
    **_CLUSTER,
    **_GENERATION,
    **megatron_editors(_OF_MEGATRON, f"{_OF_MEGATRON}override_transformer_config."),
    "micro_batch_size": _rows,
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`; None where the file cannot. Those of the first trainer for fine-tuning are
    not written, nor are other rows of a step in reinforcement learning, which several keys take part in.
    """
    if look_up(values, "model.partial_pretrain") is not UNSET:
        return None
    megatron, tuning = job.runtime == "megatron", job.objective == "sft"
    table = _MEGATRON if megatron else _FINE_TUNING if tuning else _REINFORCEMENT
    written = edit(table, values, job, without_accumulation(changes))
    if written is None or not set(BATCH) & set(changes):
        return written
    if tuning:
        return (*written, *whole_batch("data.train_batch_size", values, job, changes, _ROWS))
    return written if _same_rows(values, job, changes) else None


_ROWS = 256
"""Of a step of fine-tuning, where nothing says."""


def _same_rows(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> bool:
    """Whether a step has the rows that it has now: so many prompts, each with some completions."""
    micro, steps = (changes.get(name, getattr(job, name)) for name in BATCH)
    prompts, completions = look_up(values, f"{ACTOR}.ppo_mini_batch_size"), look_up(values, f"{ROLLOUT}.n")
    rows = job.micro_batch_size * job.gradient_accumulation_steps
    if isinstance(prompts, int):
        groups = job.parallel.data * job.parallel.replicate
        rows = prompts * (completions if isinstance(completions, int) else 1) // groups
    return bool(micro * steps == rows)
