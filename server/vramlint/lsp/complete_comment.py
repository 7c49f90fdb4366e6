"""Completion in a `# vramlint:` comment: its options, GPUs, releases, kinds of config, and codes of rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lsprotocol import types

from vramlint.dialects import NAMES
from vramlint.document.node import Span
from vramlint.document.write import write_value
from vramlint.lsp.gpus import in_order, said_of
from vramlint.lsp.view import View
from vramlint.project.lock_files import LIBRARIES

COMMENT = re.compile(r"(?:#|//)\s*vramlint\s*:[ \t]*(?P<body>.*)", re.IGNORECASE)
_GPU = re.compile(r"(?:.*\s)?gpu\s*=\s*(?P<typed>\S*)")
_VERSIONS = re.compile(r"(?:.*\s)?versions\s*=\s*(?:\S*,)?(?P<typed>[\w.-]*)")
_DIALECT = re.compile(r"(?:.*\s)?dialect\s*=\s*(?P<typed>[\w-]*)")
_CODES = re.compile(r"ignore(?:-file)?\[(?:[^\]]*,)?\s*(?P<typed>[\w-]*)")
_WORD = re.compile(r"(?:.*\s)?(?P<typed>[\w-]*)")
_OPTIONS = {
    "gpu=": "the GPU that this file is meant for: gpu=A100-80GB x8",
    "ram=": "the memory of the host, for offloading: ram=512GB",
    "versions=": "releases whose behaviour holds: versions=trl@1.16,transformers@5.23",
    "ignore[": "silence rules on this line",
    "ignore-file[": "silence rules in the whole file",
    "dialect=": "say what kind of config this is; none turns vramlint off",
}


def in_comment(view: View, body: str, offset: int) -> Iterator[types.CompletionItem]:
    """What can be written at an offset, where `body` is what the comment says before it."""

    def before(found: re.Match[str]) -> Span:
        return Span(offset - len(found["typed"]), offset)

    if gpu := _GPU.fullmatch(body):
        yield from gpus(view, before(gpu))
    elif versions := _VERSIONS.fullmatch(body):
        for name in sorted(LIBRARIES, key=lambda name: (not _used(view, name), name)):
            release = view.analysis.reading.version if view.analysis.reading and _used(view, name) else ""
            meaning = "the release of this file's framework" if _used(view, name) else "a release of it"
            text = f"{name}@{release}"
            item = _plain(view, name, before(versions), meaning, types.CompletionItemKind.Module, text)
            item.sort_text = f"{not _used(view, name):d} {name}"
            yield item
    elif dialect := _DIALECT.fullmatch(body):
        for name in (*NAMES, "none"):
            meaning = "turns vramlint off for this file" if name == "none" else "read it as such a config"
            yield _plain(view, name, before(dialect), meaning, types.CompletionItemKind.EnumMember)
    elif codes := _CODES.fullmatch(body):
        for rule in view.analysis.rules:
            yield _plain(view, rule.code, before(codes), rule.name, types.CompletionItemKind.EnumMember)
    elif word := _WORD.fullmatch(body):
        for name, meaning in _OPTIONS.items():
            yield _plain(view, name, before(word), meaning, types.CompletionItemKind.Keyword)


def gpus(view: View, span: Span, *, value: bool = False) -> Iterator[types.CompletionItem]:
    """The GPUs: this machine's, then those that the run fits, by size. Comments write a space as a dash."""
    for index, (gpu, _, own) in enumerate(in_order(view.shown)):
        name = gpu.name if value else gpu.name.replace(" ", "-")
        detail = f"{'in this machine, ' if own else ''}{said_of(view.shown, gpu)}"
        text = write_value(name, view.document.language) if value else name
        item = _plain(view, name, span, detail, types.CompletionItemKind.Constant, text)
        item.sort_text = f"{index:04}"
        yield item


def _used(view: View, library: str) -> bool:
    return view.dialect is not None and view.dialect.name == library


def _plain(
    view: View, label: str, span: Span, detail: str, kind: types.CompletionItemKind, text: str | None = None
) -> types.CompletionItem:
    edit = types.TextEdit(view.range(span), text or label)
    return types.CompletionItem(label=label, kind=kind, detail=detail, text_edit=edit)
