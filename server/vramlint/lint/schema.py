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
from vramlint.lint.quick_validation import Check, check_of, is_known, is_valid, says_nothing
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
    if schema is not None and dialect.schema is not None and not _check(dialect.schema)(values):
        yield from _broken(dialect.schema, schema, values, ())


def _broken(name: str, schema: dict[str, Any], value: Any, path: KeyPath) -> Iterator[Violation]:
    """What jsonschema finds in a value that is not plainly valid: it is shown no more than the parts that
    are in doubt, since it takes ten times as long for each.
    """
    keywords = [keyword for keyword in schema if not says_nothing(keyword)]
    if not all(map(is_known, keywords)):
        yield from _judged(name, schema, schema, value, path)
        return
    for keyword in keywords:
        expected = schema[keyword]
        if keyword == "properties" and isinstance(value, dict):
            inner = [((*path, key), expected[key], value[key]) for key in expected if key in value]
        elif keyword == "items" and isinstance(value, list):
            inner = [((*path, index), expected, item) for index, item in enumerate(value)]
        else:
            yield from _judged(name, schema, {keyword: expected}, value, path)
            continue
        for here, part, found in inner:
            if not is_valid(part, found):
                yield from _broken(name, part, found, here)


def _judged(
    name: str, schema: dict[str, Any], part: dict[str, Any], value: Any, path: KeyPath
) -> Iterator[Violation]:
    """What jsonschema finds by a part of a schema."""
    if is_valid(part, value):
        return
    for error in _validator(name).evolve(schema=part).iter_errors(value):
        here = schema if error.schema is part else error.schema
        yield Violation(
            (*path, *error.absolute_path),
            str(error.validator),
            error.validator_value,
            error.instance,
            here.get("x-type") if isinstance(here, dict) else None,
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
def _check(name: str) -> Check:
    return check_of(_schema(name) or {})


@cache
def _validator(name: str) -> Any:
    from jsonschema import Draft202012Validator  # imported late: it costs more than all else together

    return Draft202012Validator(_schema(name) or {})
