"""Edits of a run's arguments in a program: a value in place of another, or an argument of a call after its
last one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from vramlint.document.document import Document
from vramlint.document.node import KeyPath, Span
from vramlint.document.python.cells import SEPARATOR
from vramlint.document.replacement import Replacement, replaced


def set_arguments(document: Document, changes: Iterable[tuple[KeyPath, Any, bool]]) -> str | None:
    """The text after all changes (key, value, whether it is removed); None where one cannot be written."""
    found: list[Replacement] = []
    for path, value, removed in changes:
        if removed:
            if document.pair(path) is not None:
                return None
            continue
        edit = set_argument(document, path, value)
        if edit is None:
            return None
        found.append(edit)
    return replaced(document.text, found)


def set_argument(document: Document, path: KeyPath, value: Any) -> Replacement | None:
    """Write a value at a key: where it is decided, else as a new argument of the call that takes it."""
    if not isinstance(value, bool | int | float | str) or document.root is None:
        return None
    pair = document.pair(path)
    if pair is not None:
        return Replacement(pair.value.span, _written(document, repr(value)))
    key = ".".join(str(part) for part in path)
    room = document.rooms.get(key) or document.rooms.get("")
    if room is None or not (name := room.name or key).isidentifier():
        return None
    text = f"{name}{_equals(document)}{value!r}"
    end = room.place.span.end - 1 if room.last is None else room.last.span.end
    return Replacement(Span(end, end), _written(document, text if room.last is None else f", {text}"))


def _equals(document: Document) -> str:
    """The equals sign as the other arguments have it."""
    for pair in document.root.pairs if document.root else ():
        between = document.text[pair.key.span.end : pair.value.span.start]
        if between.strip() == "=":
            return between
    return "="


def _written(document: Document, text: str) -> str:
    """The text as it is in the file: a notebook's own is JSON."""
    if document.language != "notebook" or document.text.startswith(SEPARATOR):
        return text
    return json.dumps(text, ensure_ascii=False)[1:-1]
