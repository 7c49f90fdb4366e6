"""The JSON Schema of a dialect, and what a file breaks of it.

jsonschema says what is wrong; see `plain` for why it is rarely asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from vramlint.dialects.kit.dialect import Dialect
from vramlint.document.node import KeyPath
from vramlint.lazy_dataclasses import dataclass
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
