"""The fields of a job, one row each: what job files, hovers, rules and advice know of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from vramlint.job import TrainingJob
from vramlint.job_fields.row import Blamed, JobField, Moves
from vramlint.job_fields.running import BESIDE, PARALLEL, PLACE
from vramlint.job_fields.training import MODEL, STEP

__all__ = [
    "FIELDS",
    "Blamed",
    "JobField",
    "Moves",
    "about",
    "blamed_for",
    "counts",
    "is_smallest",
    "moves_of",
]

FIELDS = {row.path: row for row in (*MODEL, *STEP, *PARALLEL, *BESIDE, *PLACE)}
_NOTHING = Moves()


def _upwards(path: str) -> Iterator[JobField]:
    """The row of a field, then those of the groups that it belongs to."""
    while path:
        if path in FIELDS:
            yield FIELDS[path]
        path = path.rpartition(".")[0]


def moves_of(path: str) -> Moves:
    """What a field moves, or the group that it belongs to."""
    return next((row.moves for row in _upwards(path) if row.moves is not None), _NOTHING)


def about(path: str) -> str | None:
    """ "trained" or "shared": whether a field decides which weights are trained, or who shares the run."""
    return next((row.about for row in _upwards(path) if row.about is not None), None)


def counts(job: TrainingJob, path: str) -> bool:
    """Whether a field decides anything in such a run."""
    test = next((row.counts for row in _upwards(path) if row.counts is not None), None)
    return test is None or test(job)


def is_smallest(job: TrainingJob, path: str) -> bool:
    """Whether the field's value is as small as it gets."""
    test = FIELDS[path].smallest
    return test is not None and test(job)


@cache
def blamed_for(what: Blamed) -> tuple[str, ...]:
    """The fields that can be blamed for a component or moment, the smallest change first."""
    return tuple(
        sorted(
            (row.path for row in FIELDS.values() if what in row.blame),
            key=lambda path: FIELDS[path].blame[what],
        )
    )
