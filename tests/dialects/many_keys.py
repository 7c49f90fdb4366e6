"""Files with several keys at once, the same at every run: which keys and values a file has is decided by the
sum of its number and the key, so that a key that is added changes only the files that have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from json import dumps
from typing import Any
from zlib import crc32

from dialect_seeds import with_values
from key_effects import bases, tried
from test_words_of_the_source import words

from vramlint.dialects.kit.dialect import Dialect

KEYS = 5
"""How many a file has, on average."""
MAGIC: tuple[Any, ...] = ("all", "auto", "none", 0, 1, 2, 128, 0.5, True, ["all"])


def drawn(number: int, what: str, of: int) -> int:
    """A number below `of`."""
    return crc32(f"{number} {what}".encode()) % of


@cache
def _values(dialect: Dialect) -> Mapping[str, list[Any]]:
    return dict(tried(dialect, ""))


@cache
def _words(dialect: Dialect) -> list[str]:
    return words(dialect)


def file(dialect: Dialect, number: int) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The base of a file, its values, and the keys that it has beside those."""
    kinds = list(bases(dialect))
    name, base = kinds[number % len(kinds)]
    table = _values(dialect)
    chosen: dict[str, Any] = {}
    for path, values in table.items():
        if drawn(number, path, len(table)) < KEYS:
            kind = drawn(number, f"kind of {path}", 8)
            if kind == 0:
                known = _words(dialect)
                chosen[path] = known[drawn(number, f"word of {path}", len(known))]
            elif kind == 1:
                chosen[path] = MAGIC[drawn(number, f"magic of {path}", len(MAGIC))]
            else:
                chosen[path] = values[drawn(number, f"value of {path}", len(values))]
    return name, with_values(base, chosen), chosen


def files(dialect: Dialect, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """So many files, each with a line that tells them apart."""
    for number in range(count):
        name, values, chosen = file(dialect, number)
        yield f"{name}, " + ", ".join(f"{path} {dumps(value)}" for path, value in chosen.items()), values


def short(text: str, most: int = 160) -> str:
    """The text, of a long one its beginning and a sum."""
    return text if len(text) <= most else f"{text[:most]}… {crc32(text.encode()):08x}"
