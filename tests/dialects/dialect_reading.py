"""Reading configs in tests: text to job, and edits back into values."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

import yaml

from vramlint.catalog.models import Models
from vramlint.dialects import detect
from vramlint.dialects.kit.dialect import REMOVE, Companion, Context, ReadResult, SetKey
from vramlint.job import TrainingJob

MODELS = Models()


def reading(
    config: str | Mapping[str, Any],
    *,
    gpus: int = 1,
    nodes: int = 1,
    versions: Mapping[str, str] | None = None,
    files: Mapping[str, Any] | None = None,
    folder: str | None = None,
) -> ReadResult:
    """What the dialect that is detected makes of a config. `files`: companions by name."""
    values = yaml.safe_load(config) if isinstance(config, str) else config
    found = detect(values)
    assert found.dialect is not None, found
    known = files or {}
    context = Context(
        MODELS,
        folder,
        gpu_count=gpus,
        nodes=nodes,
        gpu_declared=True,
        versions=versions or {},
        open=lambda name: Companion(name, known[name], None) if name in known else None,
    )
    return found.dialect.read(values, context)


def job_of(config: str | Mapping[str, Any], **options: Any) -> TrainingJob:
    """The job of a config that has one."""
    outcome = reading(config, **options)
    assert outcome.job is not None, outcome.obstacle
    return outcome.job


def value_at(job: TrainingJob, name: str) -> Any:
    """The job's field of a dotted name."""
    return reduce(getattr, name.split("."), job)


def expect(job: TrainingJob, fields: Mapping[str, Any]) -> None:
    """Every field of `fields` has that value; all differences are shown at once."""
    assert {name: value_at(job, name) for name in fields} == dict(fields)


def edited(values: Mapping[str, Any], edits: Iterable[SetKey]) -> dict[str, Any]:
    """The values after edits."""
    out: Any = copy.deepcopy(dict(values))
    for edit in edits:
        inner = out
        for name in edit.path[:-1]:
            inner = inner.setdefault(name, {})
        if edit.value is REMOVE:
            inner.pop(edit.path[-1], None)
        else:
            inner[edit.path[-1]] = edit.value
    return dict(out)
