"""Values at deciding keys that no run can have and no coercion has noticed, by the dialect's own table.

A coercion refuses what has another type. What is left are words that are none of a key's choices, read as if
they were, and values of keys that nothing reads in this file, because another key decides first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vramlint.dialects.kit.dialect import UNSET, Dialect, Key, Problem, Unusable
from vramlint.dialects.kit.plausible import BOUNDS, COUNTS
from vramlint.dialects.kit.reader import Reader, boolean, look_up, number, split
from vramlint.dialects.kit.signs import refers
from vramlint.job import KeyPath
from vramlint_schemas import load_schema

_SAYS_NOTHING: tuple[Any, ...] = (None, "", [], {}, "auto", "???", "none", "None")
"""Values that leave a key to others: empty ones, those that loaders take for null
(components/config/loader.py of nemo-automodel 0.7), the front end's, and what a Hydra config must be given.
"""
_SAID = 40
"""Characters of a value in a message."""
_LOOKED_UP = "optimizer"
"""The field whose words the catalog knows; what it does not know is no run that could be estimated."""
_ONE_DTYPE = {"bfloat16": "bf16", "float16": "fp16", "half": "fp16", "float32": "fp32", "float": "fp32"}


def nonsense(
    dialect: Dialect, reader: Reader, values: Mapping[str, Any], known: frozenset[KeyPath]
) -> tuple[list[Unusable], list[Problem]]:
    """What the job would be built on though it is none of the key's choices, and what it is not built on
    though the file has it and no run can. `values`: the document's; `known`: keys of which
    enough is said.
    """
    no_choice: list[Unusable] = []
    unread: list[Problem] = []
    if reader.prefix or reader.document is not None:
        return no_choice, unread
    record = reader.record
    names = {".".join(map(str, place)): name for name, place in reader.places.items()}
    for row in dialect.keys:
        value = _value(reader, values, row, names) if row.field else UNSET
        if value is UNSET or value in _SAYS_NOTHING or value == row.default or refers(value):
            continue
        key = split(row.path)
        if key in known or record.unusable.get((None, key)):
            continue
        read = (None, key) in record.taken
        alias = reader.keys.get(names.get(row.path, ""))
        row = alias if alias is not None and alias.choices and not row.choices else row
        wanted = _wanted(dialect, row, value, read)
        if wanted and read and row.choices:
            no_choice.append(Unusable(key, value, wanted=wanted))
        elif wanted:
            said = f"`{'.'.join(map(str, key))}` is {_said(value)}"
            message = f"{said}, which is not {wanted}: no run has such a value"
            unread.append(Problem("unread-nonsense", key, message))
    return no_choice, unread


def _value(reader: Reader, values: Mapping[str, Any], row: Key, names: Mapping[str, str]) -> Any:
    return look_up(reader.values, names[row.path]) if row.path in names else look_up(values, row.path)


def _wanted(dialect: Dialect, row: Key, value: Any, read: bool) -> str:
    """What the key takes, in words, where the value is no such thing; else nothing. What a coercion has taken
    has the right type.
    """
    if _switched(row):
        fits = read or boolean(value) is not None or value in (0, 1) or value in row.choices
        section = isinstance(value, Mapping) and not dialect.schema  # its settings, which switch it on
        declared = _word(value) in set(map(_word, _in_schema(dialect, row.path)))
        return "" if fits or section or declared or row.choices[2:] else "true or false"
    if row.choices:
        fits = (read and isinstance(value, list | dict)) or _is_choice(dialect, row, value, read)
        return "" if fits else " or ".join(map(str, row.choices))
    counted = isinstance(row.default, int | float) or row.field in COUNTS
    if not counted and row.field not in BOUNDS:
        return ""
    exact = number(value)
    if exact is None:
        return "a number" if counted and not read and not isinstance(value, bool) else ""
    least, most = BOUNDS.get(row.field or "", (float("-inf"), float("inf")))
    if isinstance(row.default, int | float):
        least = min(least, row.default)  # 0 or -1 switch it off: it is no size, or not that one alone
    if exact < least:
        return f"at least {least:,}"
    return f"at most {most:,}" if exact > most else ""


def _switched(row: Key) -> bool:
    """Whether the key is a switch, which may take words or a section besides."""
    return isinstance(row.default, bool) or any(isinstance(each, bool) for each in row.choices + row.offered)


def _is_choice(dialect: Dialect, row: Key, value: Any, read: bool) -> bool:
    """Whether the value is one of the key's words, whatever their case; YAML 1.1 reads `no` as false."""
    if row.field == _LOOKED_UP:
        return True
    if isinstance(value, list | dict):
        return False
    numbers = [choice for choice in row.choices if isinstance(choice, int)]
    if read and not numbers and not isinstance(value, str):
        return True
    exact = number(value)
    if numbers and exact is not None:
        return 0 <= exact <= 2 * max(numbers)  # releases differ in which of these they take
    if row.field == "attention" and "/" in str(value):
        return True  # a kernel of the hub
    words = {_word(choice) for choice in row.choices}
    if _word(value) in words or (value is False and "no" in words):
        return True
    return _word(value) in set(map(_word, _in_schema(dialect, row.path)))


def _in_schema(dialect: Dialect, path: str) -> Iterator[Any]:
    """The words that the framework's own declaration lists for a key."""
    here: Any = load_schema(dialect.schema) if dialect.schema else {}
    for name in path.split("."):
        here = here.get("properties", {}).get(name, {})
    yield from _listed(here)


def _listed(schema: Mapping[str, Any]) -> Iterator[Any]:
    yield from schema.get("enum", ())
    yield from schema.get("x-enum", ())
    for inner in schema.get("anyOf", ()):
        yield from _listed(inner)


def _word(value: Any) -> str:
    word = str(value).lower().removeprefix("torch.")
    return _ONE_DTYPE.get(word, word)


def _said(value: Any) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    if isinstance(value, int) and value.bit_length() > 8 * _SAID:
        return f"a number of about {value.bit_length() * 3 // 10:,} digits"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _SAID else text[: _SAID - 1] + "…"
