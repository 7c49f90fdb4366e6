"""Writing changes of a job into arguments of OpenRLHF, in the spelling that is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import UNSET, Changes, SetKey
from vramlint.dialects.kit.edits import (
    BATCH,
    Editor,
    degrees,
    edit,
    key,
    translated,
    whole_batch,
    without_accumulation,
)
from vramlint.dialects.kit.reader import look_up, split
from vramlint.dialects.openrlhf.keys import KEYS, OLD
from vramlint.job import TrainingJob

_ROWS = 128
"""Of a step, where nothing says."""
_STAGES = {"ddp": 0, "zero1": 1, "zero2": 2, "zero3": 3}
_CHECKPOINTING = "model.gradient_checkpointing_enable"
_EDITORS: Mapping[str, Editor] = {
    "micro_batch_size": key("train.micro_batch_size"),
    "sequence_length": key("data.max_len"),
    "adapter.r": key("ds.lora.rank"),
    "packing": key("ds.packing_samples"),
    "gradient_checkpointing": translated(_CHECKPOINTING, {"full": True, "none": False}),
    "parallel.strategy": translated("ds.zero_stage", _STAGES),
    "parallel.offload": translated("ds.adam_offload", {"optimizer": True, "none": False}),
    **degrees(KEYS),
}


def edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """The keys that say `changes`; None where the arguments cannot. Those of reinforcement learning are not
    written: several models share its GPUs.
    """
    if job.generation is not None:
        return None
    written = edit(_EDITORS, values, job, without_accumulation(changes))
    if written is None:
        return None
    old = any(look_up(values, path) is not UNSET for path in OLD.values())
    written = tuple(_spelt(item) for item in written) if old else written
    if set(BATCH) & set(changes):
        rows = "train.batch_size"
        written += whole_batch(OLD[rows] if old else rows, values, job, changes, _ROWS)
    return written


def _spelt(item: SetKey) -> SetKey:
    """The same before 0.10.1."""
    path = ".".join(map(str, item.path))
    return SetKey(split(OLD.get(path, path)), item.value)
