"""What an estimate takes for granted, because the file is silent: nothing is assumed silently."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vramlint.catalog.facts import BY_PATH
from vramlint.dialects.kit.dialect import UNSET
from vramlint.explain.format import value_text
from vramlint.job import Origin, TrainingJob, Written
from vramlint.job_fields import FIELDS, counts
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.result import Analysis


@dataclass(frozen=True, slots=True)
class Assumption:
    """A field of the job that no file states, with the value taken and who says so."""

    field: str
    value: Any
    origin: str


def assumptions(analysis: Analysis) -> Iterator[Assumption]:
    """What the dialect filled in; for a job file, every key that is left out and counts for such a run."""
    job = analysis.job
    if job is None:
        return
    if job.model.spread or job.model.source.startswith(BY_PATH):
        yield Assumption("model", job.model.name, job.model.source)
    if analysis.estimate is not None and analysis.estimate.shape:
        yield Assumption("model", analysis.estimate.shape, "its shape: only a parameter count is known")
    for field, origin in job.origins.items():
        yield from _assumption(job, field, origin)
    if analysis.dialect is not None and analysis.dialect.own:
        for row in analysis.dialect.keys:
            if row.field and row.field not in job.origins and _counts(job, row.field):
                yield from _assumption(job, row.field, job.origin(row.field))


def _assumption(job: TrainingJob, field: str, origin: Origin) -> Iterator[Assumption]:
    value = value_of(job, field)
    if not isinstance(origin, Written) and value is not UNSET:
        yield Assumption(field, value, str(origin))


def _counts(job: TrainingJob, field: str) -> bool:
    """Whether a field that is left out decides anything in such a run; some are said elsewhere."""
    return value_of(job, field) not in (None, {}, (), "", "auto") and counts(job, field)


def value_of(job: TrainingJob, field: str) -> Any:
    """The value at a dotted name, UNSET where its group is absent."""
    value: Any = job
    for name in field.split("."):
        if value is None or not hasattr(value, name):
            return UNSET
        value = getattr(value, name)
    return value


def assumed_in_short(analysis: Analysis, limit: int = 3) -> str:
    """The assumptions that move most, and how many more there are; empty where the file says everything."""
    found = {each.field: each for each in assumptions(analysis)}
    first = sorted((row for row in FIELDS.values() if row.matters), key=lambda row: row.matters)
    shown = [found[row.path] for row in first if row.path in found][:limit]
    if not shown:
        return ""
    texts = [f"{each.field.rpartition('.')[2]} {value_text(each.value)}" for each in shown]
    more = len(found) - len(shown)
    return f"assumed: {' · '.join(texts)}" + (f" · {more} more" if more else "")
