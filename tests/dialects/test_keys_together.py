"""What keys of each framework make of a run when several are written, as text that a reader can review.

Which are written together is drawn by their names, so that a new key changes few of the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from json import dumps
from typing import Any
from zlib import crc32

import pytest
from dialect_seeds import with_values
from key_effects import bases, effect, read, said, tried
from test_key_effects import WITHOUT_JOBS

from vramlint.dialects import load_all
from vramlint.dialects.kit.dialect import Dialect

FILES = 40
KEYS = 5
"""Keys that a file has beside its seed's, on average."""


def drawn(dialect: Dialect, name: str, base: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Some keys with a value each, a file a time; such as each make a run."""
    rows = list(tried(dialect, name))

    @cache
    def alone(row: int, value: int) -> bool:
        path, values = rows[row]
        result = read(dialect, with_values(base, {path: values[value]}))
        return result.job is not None and not result.unusable

    for number in range(FILES):
        found: dict[str, Any] = {}
        for row, (path, values) in enumerate(rows):
            chance = crc32(f"{dialect.name} {name} {number} {path}".encode())
            value = chance // len(rows) % len(values)
            if chance % len(rows) < KEYS and alone(row, value):
                found[path] = values[value]
        yield found


@pytest.mark.parametrize(
    "dialect",
    [each for each in load_all() if each.name not in WITHOUT_JOBS],
    ids=lambda dialect: dialect.name,
)
def test_what_keys_do_together(dialect: Dialect, snapshot: Callable[[str, str], None]) -> None:
    lines: list[str] = []
    for name, base in bases(dialect):
        before = said(read(dialect, base))
        lines += [f"# {name}", ""]
        for keys in drawn(dialect, name, base):
            written = ", ".join(f"{path} = {dumps(value)}" for path, value in keys.items())
            done = effect(before, read(dialect, with_values(base, keys)), "")
            lines.append(f"{written}: {done or 'nothing'}")
        lines.append("")
    snapshot(f"together-{dialect.name}.txt", "\n".join(lines))
