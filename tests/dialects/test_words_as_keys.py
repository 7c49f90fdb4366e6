"""What the words of a dialect's own code do as keys: earlier spellings, aliases and options that no table
tells the user of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from json import dumps
from typing import Any

import pytest
from dialect_seeds import seed_of, with_values
from key_effects import BASES, effect, read, said
from test_key_effects import WITHOUT_JOBS
from test_words_of_the_source import words

from vramlint.dialects import load_all
from vramlint.dialects.kit.dialect import Dialect

VALUES: tuple[Any, ...] = (3, 0.25, True, False, "x", ["x"], {"enabled": True})
MOST_BASES = 3


def kinds(dialect: Dialect) -> Mapping[str, Mapping[str, Any]]:
    """The seed, and few of its changes."""
    seed = seed_of(dialect)
    changed = list(BASES.get(dialect.name, {}).items())[: MOST_BASES - 1]
    return {"seed": seed, **{name: with_values(seed, changes) for name, changes in changed}}


@pytest.mark.parametrize(
    "dialect",
    [each for each in load_all() if each.name not in WITHOUT_JOBS],
    ids=lambda dialect: dialect.name,
)
def test_what_a_word_does_as_a_key(dialect: Dialect, snapshot: Callable[[str, str], None]) -> None:
    listed = {row.path for row in dialect.keys}
    lines: list[str] = []
    for name, base in kinds(dialect).items():
        before = said(read(dialect, base))
        lines.append(f"# {name}")
        for word in words(dialect):
            if word in listed:
                continue
            by_effect: dict[str, list[str]] = {}
            for value in VALUES:
                done = effect(before, read(dialect, with_values(base, {word: value})), word)
                if done:
                    by_effect.setdefault(done, []).append(dumps(value))
            lines += [f"{word} = {', '.join(values)}: {done}" for done, values in by_effect.items()]
    snapshot(f"keys-{dialect.name}.txt", "\n".join(lines) + "\n")
