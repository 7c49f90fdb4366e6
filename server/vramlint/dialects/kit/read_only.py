"""What dialects share whose files are read and not written back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import Changes, Context, Dialect, SetKey
from vramlint.dialects.kit.reader import Reader, table
from vramlint.dialects.kit.reading import framework_reader
from vramlint.job import TrainingJob


def no_edits(values: Mapping[str, Any], job: TrainingJob, changes: Changes) -> tuple[SetKey, ...] | None:
    """For dialects whose files are not written back."""
    return None


def reader_of(dialect: Dialect, values: Mapping[str, Any], context: Context) -> Reader:
    """A reader of the file alone."""
    return framework_reader(values, context, dialect.name, dialect.version, table(dialect.keys))
