"""Completion of values: those that the framework takes in this file, each with what the run needs with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lsprotocol import types

from vramlint.analysis.controls import controls
from vramlint.dialects.kit.dialect import UNSET, Key, SetKey
from vramlint.dialects.kit.edits import with_keys
from vramlint.document.node import KeyPath
from vramlint.document.write import CannotWrite, write_value
from vramlint.explain.what_if import Comparison, weigh
from vramlint.explain.what_if_ranges import neighbours, worth_comparing
from vramlint.lint.format import gib
from vramlint.lint.inert import inert
from vramlint.lsp.cursor import Cursor
from vramlint.lsp.session import Session
from vramlint.lsp.view import View
from vramlint.memory.estimate import Verdict

VERDICTS: dict[Verdict, str] = {"fits": "fits", "tight": "tight", "does_not_fit": "does not fit"}
_MOST_WEIGHED = 16
"""Values that are estimated at once, in about 2 ms each; the rest when the client resolves them."""
_MOST_FILES = 50
_NO_FILE = "vramlint-asks-whether-this-key-names-a-file.json"
_FILES = (".json", ".yaml", ".yml")


def values(session: Session, view: View, row: Key, cursor: Cursor) -> Iterator[types.CompletionItem]:
    """The values of a key: its default first, then the cheapest."""
    choices = _choices(view, row, cursor.path)
    if not choices:
        yield from _files(view, cursor)
        return
    at_once = _at_once(row, choices)
    weighed = session.once(
        view.uri, ("weighed", cursor.path, at_once), lambda: tuple(weigh(view.shown, cursor.path, at_once))
    )
    totals = {_same(step.value): step for step in weighed}
    refused = {_same(choice) for choice in at_once if weighed} - set(totals)
    numbers = all(isinstance(choice, int) and not isinstance(choice, bool) for choice in choices)

    def rank(choice: Any) -> tuple[bool, float]:
        step = totals.get(_same(choice))
        cost = choice if numbers else step.device_bytes if step else math.inf
        return not (_is_default(choice, row) and not numbers), cost

    for index, choice in enumerate(sorted(choices, key=rank)):
        if _same(choice) in refused:
            continue
        try:
            text = write_value(choice, view.document.language, flow=cursor.flow)
        except CannotWrite:
            continue
        step = totals.get(_same(choice))
        later = {"uri": view.uri, "path": list(cursor.path), "value": choice}
        yield types.CompletionItem(
            label=inert(text.strip('"')),
            kind=types.CompletionItemKind.Value,
            detail=_detail(step, _is_default(choice, row)),
            documentation=row.effect,
            sort_text=f"{index:04}",
            filter_text=text
            if view.document.text[cursor.span.start : cursor.span.start + 1] == '"'
            else None,
            text_edit=types.TextEdit(view.range(cursor.span), text),
            data=later if step is None and _same(choice) not in {_same(each) for each in at_once} else None,
        )


def resolve_completion(session: Session, item: types.CompletionItem) -> types.CompletionItem:
    """The item with what the run needs with its value."""
    data: Any = item.data
    path = data.get("path") if isinstance(data, dict) else None
    if not isinstance(path, list) or not path or not all(isinstance(each, str | int) for each in path):
        return item
    view = session.view(str(data.get("uri")))
    if view is None:
        return item
    steps = tuple(weigh(view.shown, tuple(path), (data.get("value"),)))
    item.detail = _detail(steps[0], False) if steps else "refused in this file"
    return item


def _choices(view: View, row: Key, path: KeyPath) -> tuple[Any, ...]:
    """What is worth proposing: all that the framework takes where that is known, else what is worth comparing
    with the value that is there.
    """
    if row.choices or row.offered:
        return row.choices or row.offered
    if isinstance(row.default, bool):
        return True, False
    node = view.document.node(path)
    now = None if node is None else node.resolved().value
    if isinstance(now, bool):
        return True, False
    if isinstance(now, str) and now:
        return tuple(dict.fromkeys((now, *worth_comparing(row, now))))
    offered = next((each for each in controls(view.shown) if each.field == row.field), None)
    numbers = {each.value for each in offered.choices} if offered else set()
    numbers |= {now, *neighbours(row, now)} if isinstance(now, int) else set()
    if isinstance(row.default, int):
        numbers.add(row.default)
    return tuple(sorted(each for each in numbers if isinstance(each, int) and not isinstance(each, bool)))


def _at_once(row: Key, choices: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values that are estimated for the list: all of a short one, of a long one the usual ones."""
    if len(choices) <= _MOST_WEIGHED:
        return choices
    usual = [choice for choice in choices if _is_default(choice, row)]
    usual += [choice for choice in worth_comparing(row, None) if choice in choices]
    return tuple(dict.fromkeys(usual))[:_MOST_WEIGHED]


def _same(value: Any) -> tuple[type, Any]:
    """A value by which it is told from others: True is not 1."""
    return type(value), value if isinstance(value, str | int | float | bool | None) else repr(value)


def _detail(step: Comparison | None, default: bool) -> str | None:
    said = [f"{gib(step.device_bytes)} GiB", VERDICTS.get(step.verdict, "")] if step else []
    said.append("default" if default else "")
    return ", ".join(part for part in said if part) or None


def _is_default(choice: Any, row: Key) -> bool:
    return row.default is not UNSET and bool(choice == row.default) and type(choice) is type(row.default)


def _files(view: View, cursor: Cursor) -> Iterator[types.CompletionItem]:
    """Files beside the document, where the key names one: the dialect is asked with a missing file."""
    dialect, told, path = view.dialect, view.shown.dialect_context, view.document.path
    if dialect is None or told is None or path is None:
        return
    try:
        tried = dialect.read(with_keys(view.shown.values, (SetKey(cursor.path, _NO_FILE),)), told)
    except Exception:  # a place that no reader foresaw: nothing is named there
        return
    if not any(name == _NO_FILE for _, name in tried.missing_companions):
        return
    for file in _beside(Path(path)):
        text = write_value(file, view.document.language, flow=cursor.flow)
        yield types.CompletionItem(
            label=inert(file),
            kind=types.CompletionItemKind.File,
            filter_text=text if text.startswith('"') else None,
            text_edit=types.TextEdit(view.range(cursor.span), text),
        )


def _beside(document: Path) -> Iterable[str]:
    """Config files in the folder of a document and one below, as it would name them."""
    folder = document.parent
    try:
        found = [*folder.iterdir()]
        found += [file for below in found[:_MOST_FILES] if below.is_dir() for file in below.iterdir()]
    except OSError:
        return ()
    names = (
        file.relative_to(folder).as_posix() for file in found if file.suffix in _FILES and file != document
    )
    return sorted(names, key=lambda name: (name.count("/"), not name.endswith(".json"), name))[:_MOST_FILES]
