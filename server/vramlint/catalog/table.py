"""The shipped tables: one JSON record per line, found without parsing the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import vramlint_schemas

FOLDER = Path(vramlint_schemas.__file__).parent / "catalog"


class Table:
    """A file of JSON records, one per line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _text(self) -> bytes:
        return self._path.read_bytes()

    @cached_property
    def _folded(self) -> bytes:
        return self._text.lower()

    def mentioning(self, value: str) -> Iterator[dict[str, Any]]:
        """Records that have `value` as a whole string, without regard to case."""
        needle = json.dumps(value.lower(), ensure_ascii=False).encode("utf-8", "surrogatepass")
        position = self._folded.find(needle)
        while position >= 0:
            start = self._text.rfind(b"\n", 0, position) + 1
            end = self._text.find(b"\n", position)
            end = len(self._text) if end < 0 else end
            yield json.loads(self._text[start:end])
            position = self._folded.find(needle, end)

    def beginning(self, *values: str) -> Iterator[dict[str, Any]]:
        """Records with a string that begins like one of `values`, without regard to case, in the file's
        order.
        """
        needles = [json.dumps(value.lower(), ensure_ascii=False)[:-1].encode() for value in values]
        for line, folded in zip(self._text.splitlines(), self._folded.splitlines(), strict=True):
            if any(needle in folded for needle in needles):
                yield json.loads(line)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """All records, in the file's order."""
        return map(json.loads, self._text.splitlines())
