"""Completion: keys with what they do to memory, their values, model ids, GPUs, and whole configs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lsprotocol import types

from vramlint.catalog.models import Models
from vramlint.dialects.kit.dialect import UNSET, Dialect, Key
from vramlint.document.node import KeyPath, Span
from vramlint.document.write import write_key, write_value
from vramlint.lint.format import count, gib, shorten
from vramlint.lint.inert import inert
from vramlint.lsp.complete_comment import COMMENT, gpus, in_comment
from vramlint.lsp.complete_values import values
from vramlint.lsp.cursor import Cursor, cursor_at
from vramlint.lsp.session import Session
from vramlint.lsp.snippets import snippets
from vramlint.lsp.view import View

_MOST_MODELS = 50


def completions(session: Session, view: View, params: types.CompletionParams) -> types.CompletionList:
    """What is possible at a position."""
    offset = view.offset(params.position)
    line = view.document.lines.line_span(view.document.lines.line(offset))
    comment = COMMENT.search(view.document.text[line.start : offset])
    if comment is not None:
        return types.CompletionList(False, list(in_comment(view, comment["body"], offset)))
    cursor = cursor_at(view.document, offset)
    if cursor is None:
        return types.CompletionList(False, [])
    if view.dialect is None:
        return types.CompletionList(False, list(snippets(view, cursor)))
    if _models_here(view, cursor):
        return types.CompletionList(True, list(_models(view, cursor)))
    return types.CompletionList(False, list(_at(session, view, view.dialect, cursor)))


def _at(session: Session, view: View, dialect: Dialect, cursor: Cursor) -> Iterator[types.CompletionItem]:
    row = dialect.key(_dotted(cursor.path))
    if cursor.part == "table":
        yield from _tables(view, dialect, cursor)
    elif cursor.part == "item" and row is not None:
        yield from _items(view, row, cursor)
    elif cursor.part == "value" or _value_on_its_own_line(dialect, row, cursor):
        if row is None:
            return
        if row.field == "gpu":
            yield from gpus(view, cursor.span, value=True)
        else:
            yield from values(session, view, row, cursor)
    else:
        yield from _keys(view, dialect, cursor)


def _models_here(view: View, cursor: Cursor) -> bool:
    row = view.dialect.key(_dotted(cursor.path)) if view.dialect else None
    typed = cursor.part == "value" or (view.dialect and _value_on_its_own_line(view.dialect, row, cursor))
    return bool(typed) and row is not None and row.field == "model" and not row.offered


def _value_on_its_own_line(dialect: Dialect, row: Key | None, cursor: Cursor) -> bool:
    """Whether what looks like a key in a mapping is the value of a key that holds no others."""
    return (
        cursor.part == "key"
        and not cursor.separated
        and row is not None
        and not _names_below(dialect, _dotted(cursor.path))
    )


def _tables(view: View, dialect: Dialect, cursor: Cursor) -> Iterator[types.CompletionItem]:
    """The names of tables that hold keys, for a TOML header."""
    names = {row.path.rpartition(".")[0]: row for row in reversed(dialect.keys)}
    for name in sorted(filter(None, names)):
        yield _item(view, name, name, cursor, None, types.CompletionItemKind.Module)


def _keys(view: View, dialect: Dialect, cursor: Cursor) -> Iterator[types.CompletionItem]:
    """The keys of the mapping that the cursor is in, without those already there."""
    inside = _dotted(cursor.path)
    node = view.document.node(cursor.path) if cursor.path else view.document.root
    pairs = node.resolved().pairs if node is not None else ()
    present = {pair.key.raw for pair in pairs if not _touches(pair.key.span, cursor.span)}
    colon = {"yaml": ": ", "json": ": ", "toml": " = "}[view.document.language]
    for name, row in _names_below(dialect, inside).items():
        if name not in present:
            text = write_key(name, view.document.language)
            if not cursor.separated:
                text += colon if row else _opening(view)
            yield _item(view, name, text, cursor, row, types.CompletionItemKind.Property)


def _names_below(dialect: Dialect, inside: str) -> dict[str, Key | None]:
    """Key names in a mapping; None for those that hold further keys."""
    names: dict[str, Key | None] = {}
    for row in dialect.keys:
        if inside and not row.path.startswith(f"{inside}."):
            continue
        name, dot, _ = row.path[len(inside) + bool(inside) :].partition(".")
        names[name] = None if dot else names.get(name, row)
    return names


def _opening(view: View) -> str:
    return {"yaml": ":", "json": ": ", "toml": "."}[view.document.language]


def _items(view: View, row: Key, cursor: Cursor) -> Iterator[types.CompletionItem]:
    """What a list takes: for an adapter's targets the linear layers of the model, else the key's choices."""
    job = view.shown.job
    names: tuple[Any, ...] = row.choices
    if row.field == "adapter.targets" and job is not None:
        modules = (module for module in job.model.linear_modules if module.part == "main")
        names = tuple(dict.fromkeys(module.name.rpartition(".")[2] for module in modules))
    for index, name in enumerate(names):
        text = write_value(name, view.document.language, flow=cursor.flow)
        item = _item(view, str(name), text, cursor, row, types.CompletionItemKind.EnumMember)
        item.sort_text = f"{index:04}"
        yield item


def _models(view: View, cursor: Cursor) -> Iterator[types.CompletionItem]:
    """Hub ids of the catalog that hold what is typed."""
    typed = cursor.typed.strip("\"'")
    catalog = view.analysis.catalog
    found = catalog.search(typed.replace("/", " ")) if isinstance(catalog, Models) else []
    for model in found[:_MOST_MODELS]:
        size = (
            f"{count(model.parameters)} parameters, {gib(2 * model.parameters)} GiB in bf16"
            if model.parameters
            else ""
        )
        text = write_value(model.name, view.document.language)
        yield types.CompletionItem(
            label=inert(model.name),
            kind=types.CompletionItemKind.Reference,
            detail=size,
            filter_text=text,
            text_edit=types.TextEdit(view.range(cursor.span), text),
        )


def _item(
    view: View,
    label: str,
    text: str,
    cursor: Cursor,
    row: Key | None,
    kind: types.CompletionItemKind,
) -> types.CompletionItem:
    span = cursor.span
    detail = _default_text(row.default) if row and kind == types.CompletionItemKind.Property else None
    return types.CompletionItem(
        label=inert(label),
        kind=kind,
        detail=detail,
        documentation=row.effect if row else None,
        filter_text=text if view.document.text[span.start : span.start + 1] == '"' else label,
        text_edit=types.TextEdit(view.range(span), text),
    )


def _default_text(default: Any) -> str | None:
    return None if default is UNSET else f"default: {shorten(default)}"


def _dotted(path: KeyPath) -> str:
    return ".".join(part for part in path if isinstance(part, str))


def _touches(span: Span, typed: Span) -> bool:
    return span.start <= typed.end and typed.start <= span.end
