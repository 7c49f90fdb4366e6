"""A job with some of its fields changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from vramlint.job import Adapter, Quantization, TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.vocabulary import Method

Changes: TypeAlias = Mapping[str, Any]
"""New values of job fields by dotted name, as `dialects.base.Changes`."""


def apply(job: TrainingJob, changes: Changes) -> TrainingJob:
    """The job after `changes`. A method brings the adapter and the quantization that it cannot do without."""
    for name, value in changes.items():
        job = _with_method(job, value) if name == "method" else _with(job, name.split("."), value)
    return job


def _with(target: Any, path: list[str], value: Any) -> Any:
    """`target`, a frozen dataclass, with the value at `path` replaced."""
    if len(path) > 1:
        value = _with(getattr(target, path[0]), path[1:], value)
    return replace(target, **{path[0]: value})


def _with_method(job: TrainingJob, method: Method) -> TrainingJob:
    adapter = job.adapter or Adapter(r=16, alpha=32)
    if method == "full":
        return replace(job, method=method, adapter=None, quantization=None)
    if method == "qlora":
        quantization = job.quantization or Quantization()
        return replace(job, method=method, adapter=adapter, quantization=quantization)
    return replace(job, method=method, adapter=adapter)
