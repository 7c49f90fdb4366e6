"""Edits of a run's arguments in a script: a value in place of another, or a flag after the last one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Any

from vramlint.document.document import Document
from vramlint.document.node import KeyPath, Span
from vramlint.document.replacement import Replacement, replaced


def set_argument(document: Document, path: KeyPath, value: Any) -> Replacement | None:
    """Write a value at a key: where it is decided, else as a new argument. None for what no flag says."""
    if isinstance(value, dict | list | tuple) or value is None or document.root is None:
        return None
    pair = document.pair(path)
    span = pair.value.span if pair is not None else None
    is_word = pair is not None and span == pair.key.span
    if pair is None or span is None or (is_word and not document.text.startswith("-", span.start)):
        # Nothing says it, or the name of a config does: an argument beats both.
        return Replacement(Span(document.root.span.end, document.root.span.end), _new(document, path, value))
    if pair.value.value is True and is_word:
        return Replacement(Span(span.end, span.end), f" {_written(value)}")
    return Replacement(span, _written(value))


def remove_argument(document: Document, path: KeyPath) -> Replacement | None:
    """Take an argument out; None where something else decides its value."""
    pair = document.pair(path)
    if pair is None or pair.value.span.start < pair.key.span.start:
        return None
    if pair.value.span == pair.key.span and not document.text.startswith("-", pair.key.span.start):
        return None  # it is in a config
    start, end = pair.key.span.start, max(pair.value.span.end, pair.key.span.end)
    if document.text[end : end + 1] in ("'", '"'):
        end += 1
    blank = re.search(r"[ \t]*(?:\\\r?\n[ \t]*)?\Z", document.text[:start])
    return Replacement(Span(blank.start() if blank else start, end), "")


def set_arguments(document: Document, changes: Iterable[tuple[KeyPath, Any, bool]]) -> str | None:
    """The text after all changes (key, value, whether it is removed); None where one cannot be written."""
    found: list[Replacement] = []
    for path, value, removed in changes:
        if removed and document.pair(path) is None:
            continue
        edit = remove_argument(document, path) if removed else set_argument(document, path, value)
        if edit is None:
            return None
        found.append(edit)
    return replaced(document.text, found)


def _new(document: Document, path: KeyPath, value: Any) -> str:
    """A new argument in the style of those that are there."""
    name = ".".join(str(part) for part in path)
    pairs = document.root.pairs if document.root else ()
    flags = [document.text[slice(*pair.key.span)] for pair in pairs if pair.key.span != pair.value.span]
    if not any(flag.startswith("-") for flag in flags) if flags else document.assigns:
        return f" {name}={_written(value)}"
    if any("-" in flag.lstrip("-") for flag in flags):
        name = name.replace("_", "-")
    return f" --{name} {_written(value)}"


def _written(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else shlex.quote(str(value))
