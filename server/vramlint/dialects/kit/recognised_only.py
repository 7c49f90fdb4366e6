"""What dialects that are recognised only share: they answer hovers, and say why they are silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import Changes, Context, Dialect, Obstacle, ReadResult, SetKey
from vramlint.dialects.kit.hydra_defaults import inherit
from vramlint.dialects.kit.reader import Reader, table
from vramlint.dialects.kit.reading import finish, framework_reader
from vramlint.job import TrainingJob


def no_edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """For dialects whose files are not written back."""
    return None


def reader_of(dialect: Dialect, values: Mapping[str, Any], context: Context) -> Reader:
    """A reader of the file alone."""
    return framework_reader(values, context, dialect.name, dialect.version, table(dialect.keys))


def silent(dialect: Dialect, values: Mapping[str, Any], context: Context, why: str) -> ReadResult:
    """A reading without a job. Parents are followed, so that a circle is said."""
    found = inherit(values, context.open)
    reader = reader_of(dialect, found.values, context)
    found.report(reader, missing=False)
    return finish(dialect, reader, Obstacle("not-modelled", why))
