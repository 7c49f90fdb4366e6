"""What the words that a dialect's own code knows do as values, and below keys that hold a mapping.

The tables list what is worth telling; the code reads more (a component's name, an option in a dictionary). So
each word of the code is tried at each key that lists no values.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from inspect import getfile
from json import dumps
from pathlib import Path
from typing import Any

import pytest
from dialect_seeds import seed_of, with_values
from key_effects import FREE, KINDS, effect, read, said, tried
from test_key_effects import WITHOUT_JOBS

from vramlint.dialects import load, load_all
from vramlint.dialects.kit.dialect import Dialect

_WORD = re.compile(r"[A-Za-z][\w.@/-]{2,60}")
FIELDS = frozenset(row.field for row in load("job").keys)
MOST = 40
"""Words that are told for one effect of one key."""


def words(dialect: Dialect) -> list[str]:
    """The words in the code of a dialect."""
    folder = Path(getfile(import_module(dialect.read.__module__))).parent
    found: dict[str, None] = {}
    for file in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
            if isinstance(value, str) and _WORD.fullmatch(value):
                found[value] = None
    return sorted(found)


def places(dialect: Dialect) -> Iterator[tuple[str, Callable[[str], Any], list[str]]]:
    """Keys that list no values, and keys of mappings, each with what makes a value of a word, and the words:
    names of keys are none of the values.
    """
    known = words(dialect)
    names = {part for row in dialect.keys for part in (row.path, row.field, *row.path.split("."))}
    values = [word for word in known if word not in names and word not in FIELDS]
    for path, listed in tried(dialect, "seed"):
        if listed == FREE:
            yield path, lambda word: word, values
            if re.search(r"(kwargs|config|args|_dict|plugin\w*|cfg)$", path):
                yield path, lambda word: {word: True}, known
                yield path, lambda word: {word: False}, known


def told(dialect: Dialect, base: Mapping[str, Any]) -> Iterator[str]:
    """What each key makes of the words, where that is not what it makes of any other."""
    before = said(read(dialect, base))

    def done(path: str, made_of: Callable[[str], Any], word: str) -> str:
        value = made_of(word)
        return effect(before, read(dialect, with_values(base, {path: value})), path).replace(word, "WORD")

    for path, made_of, known in places(dialect):
        by_effect: dict[str, list[str]] = {}
        unknown = done(path, made_of, "zz-unknown")
        for word in known:
            found = done(path, made_of, word)
            if found != unknown:
                by_effect.setdefault(found or "nothing", []).append(dumps(made_of(word)))
        yield from (f"{path} = {', '.join(values[:MOST])}: {found}" for found, values in by_effect.items())


@pytest.mark.parametrize(
    "dialect",
    [each for each in load_all() if each.name not in WITHOUT_JOBS and not each.own],
    ids=lambda dialect: dialect.name,
)
def test_what_a_word_does(dialect: Dialect, snapshot: Callable[[str, str], None]) -> None:
    lines = []
    for name, base in {"seed": seed_of(dialect), **KINDS.get(dialect.name, {})}.items():
        lines += [f"# {name}", "", *told(dialect, base), ""]
    snapshot(f"words-{dialect.name}.txt", "\n".join(lines) + "\n")
