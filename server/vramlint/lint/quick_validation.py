"""A quick yes for values that plainly keep to a JSON Schema: a sound config never pays jsonschema's import.

That import is half of what a cold `vramlint check` would cost. Only "yes" counts as an answer. A keyword that
is not listed here, or a value that looks wrong, is a question for jsonschema, which alone says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

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


Check: TypeAlias = Callable[[Any], bool]
"""Whether jsonschema would certainly find nothing in a value."""


def is_valid(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether jsonschema would certainly find nothing."""
    return check_of(schema)(value)


def check_of(schema: Mapping[str, Any]) -> Check:
    """The same for many values of one schema, whose parts are looked at once, when a value first has them."""
    checks: list[Check] = []
    for keyword, expected in schema.items():
        if says_nothing(keyword):
            continue
        if keyword not in _KEYWORDS:
            return lambda value: False
        checks.append(_KEYWORDS[keyword](expected))
    return checks[0] if len(checks) == 1 else _all(checks)


def _all(checks: Sequence[Check]) -> Check:
    def check(value: Any) -> bool:
        for each in checks:  # noqa: SIM110 (a generator for each value takes twice as long)
            if not each(value):
                return False
        return True

    return check


def says_nothing(keyword: str) -> bool:
    """Whether a keyword only describes."""
    return keyword in SAYS_NOTHING or keyword.startswith("x-")


def is_known(keyword: str) -> bool:
    """Whether a keyword is judged here, and means the same whatever else its schema says."""
    return keyword in _KEYWORDS


def _type(expected: str | list[str]) -> Check:
    names = [expected] if isinstance(expected, str) else expected
    exact = frozenset(each for name in names for each in _TYPES.get(name, ()))
    others = tuple(exact - {bool})
    return lambda value: type(value) in exact or (isinstance(value, others) and not isinstance(value, bool))


def _enum(expected: list[Any]) -> Check:
    return lambda value: any(value == choice and type(value) is type(choice) for choice in expected)


def _required(expected: list[str]) -> Check:
    return lambda value: not isinstance(value, dict) or all(name in value for name in expected)


def _any_of(expected: list[Mapping[str, Any]]) -> Check:
    checks = [check_of(schema) for schema in expected]

    def check(value: Any) -> bool:
        for each in checks:  # noqa: SIM110
            if each(value):
                return True
        return False

    return check


def _pattern(expected: str) -> Check:
    found = re.compile(expected).search
    return lambda value: not isinstance(value, str) or found(value) is not None


def _properties(expected: Mapping[str, Any]) -> Check:
    made: dict[Any, Check] = {}

    def check(value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        for name, inner in value.items():
            if name in expected:
                if name not in made:
                    made[name] = check_of(expected[name])
                if not made[name](inner):
                    return False
        return True

    return check


def _items(expected: Mapping[str, Any]) -> Check:
    check = check_of(expected)
    return lambda value: not isinstance(value, list) or all(map(check, value))


def _bound(holds: Callable[[Any, Any], bool]) -> Callable[[Any], Check]:
    return lambda limit: lambda value: not isinstance(value, (int, float)) or holds(value, limit)


_KEYWORDS: Mapping[str, Callable[[Any], Check]] = {
    "type": _type,
    "enum": _enum,
    "const": lambda expected: _enum([expected]),
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
