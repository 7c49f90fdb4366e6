"""Edits of the analysed file: changes of the job written as keys, and comments that speak to vramlint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from vramlint.dialects.kit.dialect import REMOVE, Changes, SetKey
from vramlint.document import PROGRAMS, Document
from vramlint.document.edit import TextEdit, edited, remove_key, set_key, set_keys
from vramlint.document.node import KeyPath, Span
from vramlint.lint.context import RuleContext

_LONG = 100
"""Lines. Shorter texts are compared in a millisecond."""
_MOST_COMPARED = 1_000_000
"""Pairs of lines, which take a tenth of a second; more are replaced as a whole."""


def edits_of_changes(context: RuleContext, changes: Changes) -> tuple[TextEdit, ...] | None:
    """The edits that make the file say `changes`; None where its dialect or its text cannot."""
    if context.dialect is None or context.job is None or not context.document.takes_keys:
        return None
    keys = context.dialect.edits(context.values, context.job, changes)
    return edits_of_keys(context.document, keys) if keys else None


def edits_of_keys(document: Document, keys: Iterable[SetKey]) -> tuple[TextEdit, ...] | None:
    """The edits that set all `keys`, one after the other, as edits of the text as it is now."""
    if document.language == "shell" or document.language in PROGRAMS:
        changes = ((item.path, item.value, item.value is REMOVE) for item in keys)
        text = _set_arguments(document, changes)
        return (difference(document.text, text) or None) if text is not None else None
    keys = tuple(keys)
    if len(keys) > 1 and all(item.value is not REMOVE for item in keys):
        at_once = set_keys(document, ((item.path, item.value) for item in keys))
        if at_once is not None:
            return difference(document.text, edited(document, *at_once).text) or None
    after = document
    for item in keys:
        edit = remove_key(after, item.path) if item.value is REMOVE else set_key(after, item.path, item.value)
        if edit is None:
            if item.value is REMOVE and after.node(item.path) is None:
                continue
            return None
        after = edited(after, edit)
    return difference(document.text, after.text) or None


def _set_arguments(document: Document, changes: Iterable[tuple[KeyPath, Any, bool]]) -> str | None:
    """The text of a script after changes of its run's arguments."""
    if document.language == "shell":
        from vramlint.document.shell.edit import set_arguments  # late: most files are no scripts

        return set_arguments(document, changes)
    from vramlint.document import program_edit

    return program_edit.set_arguments(document, changes)


def difference(before: str, after: str) -> tuple[TextEdit, ...]:
    """The edits, by whole lines, that turn one text into the other."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line))
    head = _equal(old, new)
    tail = _equal(old[head:][::-1], new[head:][::-1])
    lines = slice(head, len(old) - tail), slice(head, len(new) - tail)
    removed, added = old[lines[0]], new[lines[1]]
    if not removed or not added:
        edit = TextEdit(starts[head], starts[len(old) - tail], "".join(added))
        return (edit,) if removed or added else ()
    return tuple(
        TextEdit(starts[head + i1], starts[head + i2], "".join(added[j1:j2]))
        for i1, i2, j1, j2 in _unequal(removed, added)
    )


def _unequal(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Where the lines differ: from and to in each. Long texts are cut at the lines that both have once, since
    the time to compare grows with the square of the length.
    """
    start = other = 0
    for one, two in [*(_landmarks(old, new) if len(old) > _LONG else ()), (len(old), len(new))]:
        for i1, i2, j1, j2 in _compared(old[start:one], new[other:two]):
            yield start + i1, start + i2, other + j1, other + j2
        start, other = one + 1, two + 1


def _compared(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    if not old or not new or old == new or len(old) * len(new) > _MOST_COMPARED:
        return iter([(0, len(old), 0, len(new))] if old != new else [])
    from difflib import SequenceMatcher  # late: most edits put lines in at one place

    opcodes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return ((i1, i2, j1, j2) for tag, i1, i2, j1, j2 in opcodes if tag != "equal")


def _landmarks(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The places of lines that are once in both texts, in the order of both."""
    once, counted = Counter(old), Counter(new)
    places = {line: place for place, line in enumerate(new) if counted[line] == 1}
    last = -1
    for place, line in enumerate(old):
        if once[line] == 1 and places.get(line, -1) > last:
            last = places[line]
            yield place, last


def _equal(some: Sequence[str], other: Sequence[str]) -> int:
    """How many items are the same from the beginning."""
    pairs = enumerate(zip(some, other, strict=False))
    return next((place for place, (one, two) in pairs if one != two), min(len(some), len(other)))


def rewrite(document: Document, span: Span, text: str) -> TextEdit:
    """An edit that puts `text` in the place of a key or a scalar, in the quotes that are there."""
    quote = document.text[span.start : span.start + 1]
    return TextEdit(span.start, span.end, f"{quote}{text}{quote}" if quote in ("'", '"') else text)
