"""Tables of what a framework refuses or ignores: a condition over the file, and what to say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from vramlint.dialects.kit.reader import Reader
from vramlint.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conflict:
    """One combination of written keys. `message` may use {name} for the value at a key of one name."""

    kind: str
    key: str
    related: tuple[str, ...]
    when: Callable[[Reader], bool]
    message: str
    severity: Literal["error", "warning", "information"] = "error"
    fix: Mapping[str, Any] | None = None
    """What to write so that it goes, by dotted key, where there is one such thing."""
    source: str = ""
    """Where the framework says so: a file of its package and the line, in the release of the table."""


def report(reader: Reader, conflicts: Iterable[Conflict]) -> None:
    """Record every conflict that the file holds."""
    for conflict in conflicts:
        settled = reader.unsettled.isdisjoint(conflict.related)
        if settled and conflict.when(reader):
            related = tuple(name for name in conflict.related if reader.has(name))
            reader.problem(
                conflict.kind, conflict.key, conflict.message, conflict.severity, related, conflict.fix
            )
