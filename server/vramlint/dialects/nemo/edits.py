"""Writing changes of a job into a file of NeMo RL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.engines.megatron import megatron_editors
from vramlint.dialects.kit.dialect import Changes, SetKey
from vramlint.dialects.kit.edits import (
    BATCH,
    Editor,
    degrees,
    edit,
    key,
    rows_of_stages,
    translated,
    whole_batch,
    without_accumulation,
)
from vramlint.dialects.kit.reader import split
from vramlint.dialects.nemo.automodel_keys import KEYS as AUTOMODEL_KEYS
from vramlint.dialects.nemo.keys import DTENSOR, KEYS
from vramlint.job import TrainingJob

MEGATRON = "policy.megatron_cfg."
_NOT_SAID = ("parallel.strategy", "parallel.virtual_pipeline", "parallel.schedule", "gradient_checkpointing")
"""What NeMo RL says of Megatron by other keys, or not at all."""


def _checkpointing(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    engine = "policy.megatron_cfg." if job.runtime == "megatron" else DTENSOR
    spelled = {"full": True, "none": False}
    if value not in spelled:
        return None
    return (SetKey(tuple(f"{engine}activation_checkpointing".split(".")), spelled[value]),)


def _offload(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    if job.runtime == "megatron" or value not in ("both", "none"):
        return None
    return (SetKey((*DTENSOR.rstrip(".").split("."), "cpu_offload"), value == "both"),)


_CLUSTER: Mapping[str, Editor] = {
    "gpu_count": key("cluster.gpus_per_node"),
    "nodes": key("cluster.num_nodes"),
}
_EDITORS: Mapping[str, Editor] = {
    "gradient_checkpointing": _checkpointing,
    "parallel.offload": _offload,
    "optimizer": translated("policy.optimizer.kwargs.fused", {"adamw_torch_fused": True}),
    "generation.memory_fraction": key("policy.generation.vllm_cfg.gpu_memory_utilization"),
    **_CLUSTER,
}
_OF_ROWS: Mapping[str, Editor] = {
    "micro_batch_size": key("policy.train_micro_batch_size"),
    "sequence_length": key("policy.max_total_sequence_length"),
}
"""Where batches are rows, and not filled to a number of tokens."""
_DTENSOR: Mapping[str, Editor] = degrees(KEYS, DTENSOR)
_MEGATRON: Mapping[str, Editor] = {
    name: editor for name, editor in megatron_editors(MEGATRON).items() if name not in _NOT_SAID
}
_AUTOMODEL: Mapping[str, Editor] = {
    "sequence_length": key("dataset.seq_length"),
    "gradient_checkpointing": translated(
        "distributed.activation_checkpointing", {"full": True, "none": False, "selective-op": "selective"}
    ),
    "parallel.strategy": translated("distributed.strategy", {"fsdp2": "fsdp2", "ddp": "ddp"}),
    **degrees(AUTOMODEL_KEYS),
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`; None where the file cannot. The rows of a step are said by a key of their
    own, so that accumulation follows.
    """
    if any(name in values for name in ("recipe", "step_scheduler")):
        return _automodel(values, job, changes)
    engine = _MEGATRON if job.runtime == "megatron" else _DTENSOR
    table = {**engine, **_EDITORS, **({} if job.packing else _OF_ROWS)}
    written = edit(table, values, job, without_accumulation(changes))
    if written is None or job.packing or not set(BATCH) & set(changes):
        return written if written is None or "gradient_accumulation_steps" not in changes else None
    return (*written, *whole_batch("policy.train_global_batch_size", values, job, changes))


def _automodel(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    written = edit(_AUTOMODEL, values, job, {name: changes[name] for name in changes if name not in _STAGED})
    stages = changes.get("parallel.pipeline", job.parallel.pipeline)
    ordered = _ordered(values, job, changes, stages)
    if written is None or ordered is None:
        return None
    turned = (stages > 1) != (job.parallel.pipeline > 1)
    if not turned and not set(BATCH) & set(changes):
        return (*written, *ordered)
    scheduler = "step_scheduler"
    rows = rows_of_stages(
        f"{scheduler}.local_batch_size", f"{_PIPELINE}.pp_microbatch_size", values, job, changes
    )
    return (*written, *ordered, *rows, *whole_batch(f"{scheduler}.global_batch_size", values, job, changes))


_PIPELINE = "distributed.pipeline"
_STAGED = (*BATCH, "parallel.virtual_pipeline", "parallel.schedule")
_SCHEDULES = {"1f1b": "1f1b", "gpipe": "gpipe", "interleaved": "interleaved1f1b"}


def _ordered(
    values: Mapping[str, Any], job: TrainingJob, changes: Changes, stages: int
) -> tuple[SetKey, ...] | None:
    """The order of a pipeline and the layers of a chunk (components/distributed/pipelining/functional.py,
    calculate_virtual_stages).
    """
    chunks = changes.get("parallel.virtual_pipeline", job.parallel.virtual_pipeline)
    schedule = changes.get("parallel.schedule", job.parallel.schedule)
    if not set(changes) & set(_STAGED[2:]) or stages == 1:
        return ()
    layers = job.model.config.get("num_hidden_layers")
    if schedule not in _SCHEDULES or not isinstance(layers, int) or layers % (stages * chunks):
        return None
    each = SetKey(split(f"{_PIPELINE}.layers_per_stage"), layers // (stages * chunks))
    return SetKey(split(f"{_PIPELINE}.pp_schedule"), _SCHEDULES[schedule]), each
