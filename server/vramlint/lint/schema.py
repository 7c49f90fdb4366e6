"""The JSON Schema of a dialect, and what a file breaks of it.

jsonschema says what is wrong; see `plain` for why it is rarely asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from vramlint.dialects.kit.dialect import Dialect, Unusable
from vramlint.document.node import KeyPath
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.format import is_open
from vramlint.lint.quick_validation import is_valid
from vramlint_schemas import load_schema


@dataclass(frozen=True, slots=True)
class Violation:
    """One value that the schema does not allow."""

    path: KeyPath
    keyword: str
    expected: Any
    value: Any
    declared: str | None
    """The type in the framework's own words."""

    @property
    def schema(self) -> dict[str, Any]:
        """The part of the schema that is broken."""
        return {self.keyword: self.expected}


def schema_of(dialect: Dialect) -> dict[str, Any] | None:
    """The schema of a dialect, where it has one."""
    return _schema(dialect.schema) if dialect.schema else None


def violations(dialect: Dialect, values: Any) -> Iterator[Violation]:
    """What jsonschema finds, at the narrowest place, in the order of the schema."""
    schema = schema_of(dialect)
    if schema is None or dialect.schema is None or is_valid(schema, values):
        return
    for error in _validator(dialect.schema).iter_errors(values):
        here = error.schema if isinstance(error.schema, dict) else {}
        yield Violation(
            tuple(error.absolute_path),
            str(error.validator),
            error.validator_value,
            error.instance,
            here.get("x-type"),
        )


def refused_at_deciding_keys(dialect: Dialect, values: Any) -> Iterator[Unusable]:
    """Values that the framework refuses at keys that decide memory: no verdict is built on them."""
    if dialect.role != "training":
        return
    for found in violations(dialect, values):
        given = found.path and found.value not in (None, "") and not is_open(found.value)
        if given and _decides(dialect, found.path):
            yield Unusable(found.path, found.value)


def _decides(dialect: Dialect, path: KeyPath) -> bool:
    dotted = ".".join(map(str, path))
    return any(
        row.field and (row.path == dotted or dotted.startswith(f"{row.path}.")) for row in dialect.keys
    )


@cache
def _schema(name: str) -> dict[str, Any] | None:
    try:
        return load_schema(name)
    except KeyError:
        return None


@cache
def _validator(name: str) -> Any:
    from jsonschema import Draft202012Validator  # imported late: it costs more than all else together

    return Draft202012Validator(_schema(name) or {})
