"""What dialects that are only recognised share: they answer hovers, and say why there is no estimate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import Context, Dialect, Obstacle, ReadResult
from vramlint.dialects.kit.hydra_defaults import inherit
from vramlint.dialects.kit.read_only import reader_of
from vramlint.dialects.kit.reading import finish


def silent(dialect: Dialect, values: Mapping[str, Any], context: Context, why: str) -> ReadResult:
    """A reading without a job. Parents are followed, so that a circle is reported."""
    found = inherit(values, context.open)
    reader = reader_of(dialect, found.values, context)
    found.report(reader, missing=False)
    return finish(dialect, reader, Obstacle("not-modelled", why))
