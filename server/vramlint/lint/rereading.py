"""The same file with other values at some keys: its values read again by its dialect, estimated again.

This leaves the text alone. `RuleContext.recheck` edits it, parses it and runs the rules too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Catalog, ReadResult, SetKey
from vramlint.dialects.kit.edits import with_keys
from vramlint.document.node import KeyPath
from vramlint.lazy_dataclasses import replace
from vramlint.lint.context import RuleContext
from vramlint.memory.estimate import CannotEstimate, Estimate


class _AskedOnce:
    """A catalog that looks for each name once, in folders too: no file changes while a search runs."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._model = cache(catalog.model)

    def model(self, name: str, folder: str | None = None) -> Model | None:
        """As the catalog has it."""
        return self._model(name, folder)

    def nearest(self, name: str, n: int = 3) -> list[str]:
        """As the catalog has it."""
        return self._catalog.nearest(name, n)

    def from_config(self, config: Mapping[str, Any], name: str = "config") -> Model | None:
        """As the catalog has it."""
        return self._catalog.from_config(config, name)


def for_a_search(context: RuleContext) -> RuleContext:
    """The same facts, for many estimates after each other."""
    told = context.dialect_context
    if told is None:
        return context
    return replace(context, dialect_context=replace(told, catalog=_AskedOnce(told.catalog)))


def estimate_after(context: RuleContext, keys: Iterable[SetKey]) -> Estimate | None:
    """The estimate if the file had these keys; None where the framework refuses them in this file, or the run
    could not be estimated with them.
    """
    from vramlint.memory.remembered import (  # imported late: most files are never read again
        remembered_estimate,
    )

    if context.dialect is None or context.dialect_context is None:
        return None
    keys = tuple(keys)
    try:
        reading = context.dialect.read(with_keys(context.values, keys), context.dialect_context)
        if reading.job is None or reading.unusable or _refusals(reading) - _refusals(context.reading):
            return None
        return remembered_estimate(reading.job)
    except CannotEstimate:
        return None
    except Exception:
        import logging  # imported late: rarely needed, and slow to import

        logging.getLogger(__name__).exception("%s cannot be tried", keys)
        return None


def _refusals(reading: ReadResult | None) -> set[tuple[str, KeyPath]]:
    """What the framework refuses of a file, as read."""
    problems = reading.problems if reading else ()
    return {(problem.kind, problem.key) for problem in problems if problem.severity == "error"}
