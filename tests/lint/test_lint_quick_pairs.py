"""Every keyword with every kind of value: the quick yes, the quick no, and what jsonschema says."""

from __future__ import annotations

from collections.abc import Callable
from json import dumps
from typing import Any

from jsonschema import Draft202012Validator

from vramlint.lint.quick_validation import is_known, is_valid

SCHEMAS: tuple[dict[str, Any], ...] = (
    *({"type": name} for name in ("object", "array", "string", "integer", "number", "boolean", "null")),
    {"type": ["integer", "null"]}, {"enum": [1, "a", None, True]}, {"const": "a"}, {"required": ["a"]},
    {"anyOf": [{"type": "string"}, {"minimum": 2}]}, {"pattern": "^a.$"}, {"items": {"type": "integer"}},
    {"properties": {"a": {"type": "integer"}}}, {"minimum": 1}, {"maximum": 1}, {"exclusiveMinimum": 1},
    {"exclusiveMaximum": 1}, {"title": "t", "x-type": "u"}, {"not": {"type": "string"}},
    {"type": "integer", "minimum": 1}, {"$schema": "s", "description": "d"}, {"default": 1},
    {"deprecated": True}, {"type": "string", "deprecated": True, "minLength": 1}, {"x-enum": [1]},
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, 2, 1.0, 1.5, "", "a", "ab", "b", [], [1], ["a", 1], {}, {"a": 1}, {"a": "b"},
    {"b": 1},
)  # fmt: skip


def test_a_quick_yes_is_never_wrong(snapshot: Callable[[str, str], None]) -> None:
    lines = []
    for schema in SCHEMAS:
        right = [value for value in VALUES if Draft202012Validator(schema).is_valid(value)]
        quick = [value for value in VALUES if is_valid(schema, value)]
        assert [dumps(value) for value in quick if value not in right] == []
        left = [
            dumps(value)
            for value in VALUES
            if dumps(value) in set(map(dumps, right)) - set(map(dumps, quick))
        ]
        known = ", ".join(keyword for keyword in schema if is_known(keyword))
        lines.append(
            f"{dumps(schema)} ({known}): left to jsonschema though right: {', '.join(left) or 'none'}"
        )
    snapshot("quick-validation.txt", "\n".join(lines) + "\n")
