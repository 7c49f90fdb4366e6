"""What an estimate takes for granted, because the file is silent: nothing is assumed silently."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vramlint.dialects.kit.dialect import UNSET
from vramlint.explain.format import value_text
from vramlint.job import Origin, TrainingJob, Written
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


_ABOUT_THE_RUN = frozenset({"model", "gpu", "nodes", "versions"})
"""Said elsewhere in every report."""


def _counts(job: TrainingJob, field: str) -> bool:
    """Whether a field that is left out decides anything in such a run."""
    strategy = job.parallel.strategy
    if field in _ABOUT_THE_RUN or value_of(job, field) in (None, {}, (), "auto"):
        return False
    if field.startswith("roles."):
        return job.objective == "ppo"
    if field.startswith("parallel.buckets."):
        return strategy.startswith("zero")
    return strategy != "none" or not field.startswith("parallel.")


def value_of(job: TrainingJob, field: str) -> Any:
    """The value at a dotted name, UNSET where its group is absent."""
    value: Any = job
    for name in field.split("."):
        if value is None or not hasattr(value, name):
            return UNSET
        value = getattr(value, name)
    return value


_MOVE_MOST = (
    "precision.weights",
    "precision.autocast",
    "optimizer",
    "sequence_length",
    "micro_batch_size",
    "gradient_checkpointing",
    "attention",
    "loss",
    "padded_batch",
    "packing",
)
"""The fields whose assumed value moves an estimate most come first; a hover shows three."""


def assumed_in_short(analysis: Analysis, limit: int = 3) -> str:
    """The assumptions that move most, and how many more there are; empty where the file says everything."""
    found = {each.field: each for each in assumptions(analysis)}
    shown = [found[field] for field in _MOVE_MOST if field in found][:limit]
    if not shown:
        return ""
    texts = [f"{each.field.rpartition('.')[2]} {value_text(each.value)}" for each in shown]
    more = len(found) - len(shown)
    return f"assumed: {' · '.join(texts)}" + (f" · {more} more" if more else "")
