"""Completion: keys with what they do to memory, their values, model ids, and GPUs and codes in directives."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from lsprotocol import types

from vramlint.catalog.gpus import all_gpus
from vramlint.catalog.models import Models
from vramlint.dialects.kit.dialect import UNSET, Dialect, Key
from vramlint.document.node import KeyPath, Span
from vramlint.document.write import CannotWrite, write_key, write_value
from vramlint.explain.what_if import weigh
from vramlint.lint.format import count, gib, shorten
from vramlint.lsp.cursor import Cursor, cursor_at
from vramlint.lsp.session import Session
from vramlint.lsp.view import View
from vramlint.memory.estimate import Verdict

TRIGGERS = ["=", " ", "/", '"', "["]
_MOST_MODELS = 50
_MOST_WEIGHED = 64
"""Values of a key that are estimated one by one for a list of completions."""
_VERDICTS: dict[Verdict, str] = {"fits": "fits", "tight": "tight", "does_not_fit": "does not fit"}
_DIRECTIVE = re.compile(r"(?:#|//)\s*vramlint\s*:[ \t]*(?P<body>.*)", re.IGNORECASE)
_GPU = re.compile(r"(?:.*\s)?gpu\s*=\s*(?P<typed>\S*)")
_CODES = re.compile(r"ignore(?:-file)?\[(?:[^\]]*,)?\s*(?P<typed>[\w-]*)")
_WORD = re.compile(r"(?:.*\s)?(?P<typed>[\w-]*)")
_SETTINGS = {
    "gpu=": "the GPU that this file is meant for: gpu=A100-80GB x8",
    "versions=": "releases whose behaviour holds: versions=trl@1.16,transformers@5.23",
    "ignore[": "silence rules on this line",
    "ignore-file[": "silence rules in the whole file",
    "dialect=": "say what kind of config this is; none turns vramlint off",
}


def completions(session: Session, view: View, params: types.CompletionParams) -> types.CompletionList:
    """What is possible at a position."""
    offset = view.offset(params.position)
    line = view.document.lines.line_span(view.document.lines.line(offset))
    directive = _DIRECTIVE.search(view.document.text[line.start : offset])
    if directive is not None:
        return types.CompletionList(False, list(_in_directive(view, directive["body"], offset)))
    cursor = cursor_at(view.document, offset)
    dialect = view.analysis.dialect or view.shown.dialect
    if cursor is None or dialect is None:
        return types.CompletionList(False, [])
    if cursor.part == "key":
        return types.CompletionList(False, list(_keys(view, dialect, cursor)))
    row = dialect.key(_dotted(cursor.path))
    if row is None:
        return types.CompletionList(False, [])
    if cursor.part == "item":
        return types.CompletionList(False, list(_items(view, row, cursor)))
    if row.field == "model" and not row.offered:
        return types.CompletionList(True, list(_models(view, cursor)))
    if row.field == "gpu":
        return types.CompletionList(False, list(_gpus(view, cursor.span)))
    return types.CompletionList(False, list(_values(view, row, cursor)))


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
            yield _item(view, name, text, cursor.span, row, types.CompletionItemKind.Property)


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


def _values(view: View, row: Key, cursor: Cursor) -> Iterator[types.CompletionItem]:
    """The values that the framework takes in this file: its default first, then the cheapest, each with what
    the run needs with it.
    """
    choices = row.choices or row.offered or ((True, False) if isinstance(row.default, bool) else ())
    weighed = tuple(weigh(view.shown, cursor.path, choices)) if len(choices) <= _MOST_WEIGHED else ()
    totals = {id(step.value): step for step in weighed}
    refused = bool(weighed) and len(weighed) < len(choices)

    def rank(choice: Any) -> tuple[bool, float]:
        step = totals.get(id(choice))
        return not _is_default(choice, row), step.device_bytes if step else math.inf

    for index, choice in enumerate(sorted(choices, key=rank)):
        step = totals.get(id(choice))
        if refused and step is None:
            continue
        try:
            text = write_value(choice, view.document.language)
        except CannotWrite:
            continue
        said = [
            f"{gib(step.device_bytes)} GiB" if step else "",
            _VERDICTS.get(step.verdict, "") if step else "",
        ]
        said.append("default" if _is_default(choice, row) else "")
        detail = ", ".join(part for part in said if part) or None
        item = _item(view, text.strip('"'), text, cursor.span, row, types.CompletionItemKind.Value, detail)
        item.sort_text = f"{index:04}"
        yield item


def _is_default(choice: Any, row: Key) -> bool:
    return bool(choice == row.default) and type(choice) is type(row.default)


def _items(view: View, row: Key, cursor: Cursor) -> Iterator[types.CompletionItem]:
    """What a list takes: for an adapter's targets the linear layers of the model, else the key's choices."""
    job = view.shown.job
    names: tuple[Any, ...] = row.choices
    if row.field == "adapter.targets" and job is not None:
        modules = (module for module in job.model.linear_modules if module.part == "main")
        names = tuple(dict.fromkeys(module.name.rpartition(".")[2] for module in modules))
    for index, name in enumerate(names):
        text = write_value(name, view.document.language)
        item = _item(view, str(name), text, cursor.span, row, types.CompletionItemKind.EnumMember)
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
            label=model.name,
            kind=types.CompletionItemKind.Reference,
            detail=size,
            filter_text=text,
            text_edit=types.TextEdit(view.range(cursor.span), text),
        )


def _in_directive(view: View, body: str, offset: int) -> Iterator[types.CompletionItem]:
    if gpu := _GPU.fullmatch(body):
        yield from _gpus(view, Span(offset - len(gpu["typed"]), offset), joined=True)
    elif codes := _CODES.fullmatch(body):
        span = Span(offset - len(codes["typed"]), offset)
        for rule in view.analysis.rules:
            yield _plain(view, rule.code, span, rule.name, types.CompletionItemKind.EnumMember)
    elif word := _WORD.fullmatch(body):
        for name, meaning in _SETTINGS.items():
            span = Span(offset - len(word["typed"]), offset)
            yield _plain(view, name, span, meaning, types.CompletionItemKind.Keyword)


def _gpus(view: View, span: Span, joined: bool = False) -> Iterator[types.CompletionItem]:
    """The known GPUs with what they hold; in a directive with dashes for spaces."""
    for index, gpu in enumerate(all_gpus()):
        name = gpu.name.replace(" ", "-") if joined else gpu.name
        text = name if joined else write_value(name, view.document.language)
        detail = f"{gib(gpu.memory_bytes)} GiB, {gib(gpu.usable_bytes)} usable"
        item = _plain(view, name, span, detail, types.CompletionItemKind.Constant, text)
        item.sort_text = f"{index:04}"
        yield item


def _plain(
    view: View, label: str, span: Span, detail: str, kind: types.CompletionItemKind, text: str | None = None
) -> types.CompletionItem:
    edit = types.TextEdit(view.range(span), text or label)
    return types.CompletionItem(label=label, kind=kind, detail=detail, text_edit=edit)


def _item(
    view: View,
    label: str,
    text: str,
    span: Span,
    row: Key | None,
    kind: types.CompletionItemKind,
    detail: str | None = None,
) -> types.CompletionItem:
    if detail is None and row is not None and kind == types.CompletionItemKind.Property:
        detail = _default_text(row.default)
    return types.CompletionItem(
        label=label,
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
