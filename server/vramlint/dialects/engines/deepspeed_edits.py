"""Writing ZeRO into a config of transformers' Trainer, as a section of the file itself.

Every front end hands `deepspeed` on to TrainingArguments, which takes a mapping as well as a file's name
(transformers 5.24, training_args.py), and fills the values "auto" in (integrations/deepspeed.py,
trainer_config_process and trainer_config_finalize).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import SetKey
from vramlint.dialects.kit.edits import Editor
from vramlint.dialects.kit.reader import split
from vramlint.job import TrainingJob

_STAGES: Mapping[str, int] = {"zero1": 1, "zero2": 2, "zero3": 3}
_STAGE = "zero_optimization.stage"
_FILLED_IN = ("train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "gradient_clipping")
_HALVES: Mapping[str, str] = {"bfloat16": "bf16.enabled", "float16": "fp16.enabled"}
_GATHERED = "zero_optimization.stage3_gather_16bit_weights_on_model_save"
_BUCKET = "zero_optimization.reduce_bucket_size"
_HOST = {"optimizer": ("optimizer",), "both": ("optimizer", "param")}


def _set(values: Mapping[str, Any]) -> tuple[SetKey, ...]:
    return tuple(SetKey(("deepspeed", *split(path)), value) for path, value in values.items())


def _section(values: Mapping[str, Any], job: TrainingJob, stage: int) -> tuple[SetKey, ...] | None:
    """ZeRO at a stage: in the section that is there, else in a new one. None where the engine is named in
    another file, or is not DeepSpeed.
    """
    if isinstance(values.get("deepspeed"), Mapping):
        return _set({_STAGE: stage})
    if values.get("deepspeed") or job.parallel.strategy not in ("none", "ddp"):
        return None
    half = next(
        (_HALVES[dtype] for dtype in (job.precision.autocast, job.precision.weights) if dtype in _HALVES),
        None,
    )
    filled_in = (*_FILLED_IN, half) if half else _FILLED_IN
    gathered = {_GATHERED: True} if stage == 3 else {}  # what the Trainer saves can be loaded again
    return _set({**dict.fromkeys(filled_in, "auto"), _STAGE: stage, _BUCKET: "auto", **gathered})


def _strategy(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    return _section(values, job, _STAGES[value]) if value in _STAGES else None


def _offload(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    """States on the host, which ZeRO-2 can, or weights too, which takes ZeRO-3."""
    if value not in _HOST:
        return None
    stage = 3 if value == "both" or job.parallel.strategy == "zero3" else 2
    section = _section(values, job, stage)
    moved = {f"zero_optimization.offload_{what}.device": "cpu" for what in _HOST[value]}
    return None if section is None else (*section, *_set(moved))


def _bucket(values: Mapping[str, Any], job: TrainingJob, value: Any) -> tuple[SetKey, ...] | None:
    return _set({_BUCKET: value}) if isinstance(values.get("deepspeed"), Mapping) else None


DEEPSPEED_EDITORS: Mapping[str, Editor] = {
    "parallel.offload": _offload,
    "parallel.strategy": _strategy,
    "parallel.buckets.reduce": _bucket,
}
"""Rows of a dialect's table. The stage that a strategy asks for comes last, in the place of offloading's."""
