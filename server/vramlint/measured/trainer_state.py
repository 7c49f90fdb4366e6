"""The memory that a trainer logs in its trainer_state.json.

transformers with `skip_memory_metrics: false` logs what was allocated before the trainer was made, what
making it added, what the training left and how far it rose beyond that (5.24, trainer_utils.py,
TrainerMemoryTracker). Axolotl logs the peaks since the last log (0.21, core/trainers/base.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vramlint.measured.figures import Measured, NotAMeasurement

_GIB = 2**30
_HELP = "it logs no memory: train with skip_memory_metrics: false, or give a size such as 41.2GiB"


def of_trainer(state: Mapping[str, Any]) -> Measured:
    """The highest peak that the log tells. Raises NotAMeasurement."""
    history = state.get("log_history")
    logs = [log for log in history if isinstance(log, Mapping)] if isinstance(history, Sequence) else []
    merged = {name: value for log in logs for name, value in log.items()}
    if _number(merged, "train_mem_gpu_peaked_delta") is not None:
        return _of_transformers(merged)
    peaks = [peak for log in logs if (peak := _number(log, "memory/max_allocated (GiB)")) is not None]
    if not peaks:
        raise NotAMeasurement(_HELP)
    return Measured("allocated", int(max(peaks) * _GIB), source="the trainer's log")


def _of_transformers(log: Mapping[str, Any]) -> Measured:
    def of(name: str) -> int:
        return int(_number(log, name) or 0)

    loaded = of("before_init_mem_gpu") + of("init_mem_gpu_alloc_delta")
    left, rose = of("train_mem_gpu_alloc_delta"), of("train_mem_gpu_peaked_delta")
    parts = {("weights",): loaded, ("optimizer_states",): left, ("gradients", "activations"): rose}
    return Measured("allocated", loaded + left + rose, parts, "the trainer's log")  # type: ignore[arg-type]


def _number(log: Mapping[str, Any], name: str) -> float | None:
    value = log.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
