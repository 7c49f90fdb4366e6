"""Writing changes of a job into arguments of ms-swift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.engines.megatron import megatron_editors
from vramlint.dialects.kit.dialect import REMOVE, Changes, SetKey
from vramlint.dialects.kit.edits import (
    Editor,
    edit,
    key,
    spelling,
    whole_batch,
    without_accumulation,
)
from vramlint.dialects.ms_swift.megatron import ROWS
from vramlint.job import TrainingJob


def _tuner(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    path = spelling(values, "tuner_type", "train_type")
    if value == "qlora":
        return (SetKey((path,), "lora"), SetKey(("quant_method",), "bnb"), SetKey(("quant_bits",), 4))
    return (SetKey((path,), value),) if value in ("full", "lora") and job.quantization is None else None


def _engine(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    """One of the presets, in the place of the other engine's."""
    if value in ("zero1", "zero2", "zero3"):
        return (SetKey(("fsdp",), REMOVE), SetKey(("deepspeed",), value))
    if value == "fsdp2":
        return (SetKey(("deepspeed",), REMOVE), SetKey(("fsdp",), value))
    return (SetKey(("fsdp",), REMOVE), SetKey(("deepspeed",), REMOVE)) if value in ("none", "ddp") else None


def _reentrant(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    return (SetKey(("gradient_checkpointing",), value != "none"),) if value in ("none", "full") else None


_EDITORS: Mapping[str, Editor] = {
    "method": _tuner,
    "adapter.r": key("lora_rank"),
    "micro_batch_size": key("per_device_train_batch_size"),
    "gradient_accumulation_steps": key("gradient_accumulation_steps"),
    "sequence_length": key("max_length"),
    "gradient_checkpointing": _reentrant,
    "optimizer": key("optim"),
    "generation.memory_fraction": key("vllm_gpu_memory_utilization"),
    "parallel.strategy": _engine,
    "parallel.context": key("sequence_parallel_size"),
}
_MEGATRON: Mapping[str, Editor] = {
    **megatron_editors(),
    "method": _tuner,
    "adapter.r": key("lora_rank"),
    "micro_batch_size": key("micro_batch_size"),
    "sequence_length": key("max_length"),
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`; None where the arguments cannot."""
    if job.runtime != "megatron":
        return edit(_EDITORS, values, job, changes)
    written = edit(_MEGATRON, values, job, without_accumulation(changes))
    if written is None or not {"micro_batch_size", "gradient_accumulation_steps"} & set(changes):
        return written
    return (*written, *whole_batch("global_batch_size", values, job, changes, ROWS))
