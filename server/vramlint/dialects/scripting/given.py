"""The values of a script as arguments of a run: those of a call, one or all that a table names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from vramlint.dialects.kit.run import Given
from vramlint.dialects.scripting.classes import Argument
from vramlint.document.place import Place
from vramlint.document.python.values import Items, Known, Made, Open, Symbol, Value, Word, holds_open, plain

Facts: TypeAlias = dict[str, Given]


def given(value: Value, place: Place, word: Word | None = None) -> Given:
    """A value of the script as an argument of the run; `place` is the call that it is used in, `word` where
    the call names it.
    """
    key, used = word if word is not None else (None, place)
    if isinstance(value, Open):
        return Given(None, value.place, "literal", used, value.why, key)
    found = plain(value)
    unknown = holds_open(found)
    if unknown is not None:
        return Given(None, unknown.place, "literal", used, unknown.why, key)
    if isinstance(value, Known):
        return Given(found, value.place, value.how, used, key=key)
    where = value.place if isinstance(value, Symbol | Items | Made) else used
    return Given(found, where, "literal", used, key=key)


def argument_of(made: Made, name: str, position: int | None = None) -> Given | None:
    """An argument of a call, by its keyword or its position."""
    value = made.argument(name, position)
    if value is None:
        return None
    if name not in made.keywords and isinstance(value, Known):
        return given(value, made.place, Word(value.place, value.place))
    return given(value, made.place, made.words.get(name))


def take(value: Made, table: Mapping[str, Argument]) -> Facts:
    """The arguments of a call by their keys, and the class's own defaults where those differ."""
    found: Facts = {}
    for name, argument in table.items():
        written = value.argument(name)
        if written is not None:
            found[argument.key] = given(written, value.place, value.words.get(name))
        elif value.missing:
            found[argument.key] = Given(None, value.place, "literal", value.place, value.missing)
        elif argument.default is not None:
            found.setdefault(argument.key, Given(argument.default, value.place, "implied"))
    return {key: each for key, each in found.items() if each.value is not None or each.why}


def as_value(found: Mapping[str, Given], key: str) -> Any:
    """The value at a key; None where it is open or absent."""
    return found[key].value if key in found else None
