"""Writing changes of a job into a torchtitan config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import REMOVE, UNSET, Changes, SetKey
from vramlint.dialects.kit.edits import (
    BATCH,
    Editor,
    degrees,
    edit,
    key,
    rows_of_stages,
    spelling,
    translated,
    whole_batch,
)
from vramlint.dialects.kit.reader import look_up, split
from vramlint.dialects.torchtitan.keys import KEYS
from vramlint.job import TrainingJob

_STAGES = ("parallel.virtual_pipeline", "parallel.schedule")
_LAYERS = "parallelism.pipeline_parallel_layers_per_stage"
_MICRO = "parallelism.pipeline_parallel_microbatch_size"
_SCHEDULES = {"1f1b": "1F1B", "gpipe": "GPipe", "interleaved": "Interleaved1F1B"}


def _checkpointing(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    mode, option = ("activation_checkpoint", "mode"), ("activation_checkpoint", "selective_ac_option")
    if value in ("full", "none"):
        return (SetKey(mode, value),)
    if isinstance(value, float):
        return SetKey(mode, "memory_budget"), SetKey(("activation_checkpoint", "memory_budget"), value)
    chosen = "op" if value == "selective-op" else str(value) if isinstance(value, int) else None
    return (SetKey(mode, "selective"), SetKey(option, chosen)) if chosen else None


_EDITORS: Mapping[str, Editor] = {
    "sequence_length": key("training.seq_len"),
    "gradient_checkpointing": _checkpointing,
    "optimizer_in_backward": key("optimizer.early_step_in_backward"),
    "precision.weights": key("training.dtype"),
    "parallel.offload": translated("training.enable_cpu_offload", {"both": True, "none": False}),
    **{field: editor for field, editor in degrees(KEYS).items() if field not in _STAGES},
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`; None where torchtitan cannot."""
    apart = (*BATCH, *_STAGES)
    written = edit(_EDITORS, values, job, {name: changes[name] for name in changes if name not in apart})
    if written is None:
        return None
    stages = changes.get("parallel.pipeline", job.parallel.pipeline)
    if set(changes) & set(_STAGES):
        chunked = _chunked(values, job, changes, stages)
        if chunked is None:
            return None
        written += chunked
    turned = (stages > 1) != (job.parallel.pipeline > 1)
    if turned or set(changes) & set(BATCH):
        rows = spelling(values, "training.local_batch_size", "training.batch_size")
        written += rows_of_stages(rows, _MICRO, values, job, changes)
        written += whole_batch("training.global_batch_size", values, job, changes)
    return written


def _chunked(
    values: Mapping[str, Any], job: TrainingJob, changes: Changes, stages: int
) -> tuple[SetKey, ...] | None:
    """The order of a pipeline, and the layers of a chunk; embedding and head count as a layer each
    (distributed/pipeline_parallel.py). None where chunks of equal layers are not as many.
    """
    chunks = changes.get("parallel.virtual_pipeline", job.parallel.virtual_pipeline)
    schedule = changes.get("parallel.schedule", job.parallel.schedule)
    if schedule not in _SCHEDULES or (chunks > 1) != (schedule == "interleaved"):
        return None
    written = SetKey(split("parallelism.pipeline_parallel_schedule"), _SCHEDULES[schedule])
    gone = () if look_up(values, _LAYERS) is UNSET else (SetKey(split(_LAYERS), REMOVE),)
    if chunks == 1 or stages == 1:
        return (written, *gone) if stages > 1 else gone
    layers = job.model.config.get("num_hidden_layers")
    if not isinstance(layers, int):
        return None
    each = -(-(layers + 2) // (stages * chunks))
    if -(-(layers + 2) // each) != stages * chunks:
        return None
    return written, SetKey(split(_LAYERS), each)
