"""A quick yes for values that plainly keep to a JSON Schema: a sound config never pays jsonschema's import.

That import is half of what a cold `vramlint check` would cost. Only "yes" counts as an answer. A keyword that
is not listed here, or a value that looks wrong, is a question for jsonschema, which alone says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

SAYS_NOTHING = frozenset({"$schema", "title", "description", "default", "deprecated"})
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def is_valid(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether jsonschema would certainly find nothing."""
    for keyword, expected in schema.items():
        if keyword in SAYS_NOTHING or keyword.startswith("x-"):
            continue
        keeps = _KEYWORDS.get(keyword)
        if keeps is None or not keeps(expected, value):
            return False
    return True


def _type(expected: str | list[str], value: Any) -> bool:
    names = [expected] if isinstance(expected, str) else expected
    return any(
        isinstance(value, _TYPES.get(name, ())) and (name == "boolean" or not isinstance(value, bool))
        for name in names
    )


def _enum(expected: list[Any], value: Any) -> bool:
    return any(value == choice and type(value) is type(choice) for choice in expected)


def _required(expected: list[str], value: Any) -> bool:
    return not isinstance(value, dict) or all(name in value for name in expected)


def _any_of(expected: list[Mapping[str, Any]], value: Any) -> bool:
    return any(is_valid(schema, value) for schema in expected)


def _pattern(expected: str, value: Any) -> bool:
    return not isinstance(value, str) or re.search(expected, value) is not None


def _properties(expected: Mapping[str, Any], value: Any) -> bool:
    if not isinstance(value, dict):
        return True
    return all(is_valid(expected[name], inner) for name, inner in value.items() if name in expected)


def _items(expected: Mapping[str, Any], value: Any) -> bool:
    return not isinstance(value, list) or all(is_valid(expected, item) for item in value)


def _bound(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda expected, value: not isinstance(value, int | float) or holds(value, expected)


_KEYWORDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": _type,
    "enum": _enum,
    "const": lambda expected, value: _enum([expected], value),
    "required": _required,
    "anyOf": _any_of,
    "pattern": _pattern,
    "properties": _properties,
    "items": _items,
    "minimum": _bound(lambda value, limit: bool(value >= limit)),
    "maximum": _bound(lambda value, limit: bool(value <= limit)),
    "exclusiveMinimum": _bound(lambda value, limit: bool(value > limit)),
    "exclusiveMaximum": _bound(lambda value, limit: bool(value < limit)),
}
