"""All that an editor is told of a document, as text: at each line a hover and a completion, at each finding
the actions.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from lsp_talk import Editor
from lsprotocol import types

OFFERED = 12
"""Completions of a place that are written down."""


async def transcript(editor: Editor, uri: str) -> str:
    """One paragraph an answer."""
    lines: list[str] = []
    async for each in _told(editor, uri):
        lines += [part.rstrip() for part in each.splitlines()] + [""]
    text = "\n".join(lines).replace(editor.folder.as_uri(), "file:///folder")
    return re.sub(r"file://\S+/(VL\d+\.md)", r"file:///\1", text.replace(str(editor.folder), "/folder"))


async def _told(editor: Editor, uri: str) -> AsyncIterator[str]:
    client, document = editor.client, types.TextDocumentIdentifier(uri)
    found = await editor.diagnostics(uri)
    for each in found:
        yield "\n".join(_finding(each))
    symbols = await client.text_document_document_symbol_async(types.DocumentSymbolParams(document))
    yield "\n".join(line for each in symbols or () for line in _symbol(each, 0))
    for lens in await client.text_document_code_lens_async(types.CodeLensParams(document)) or ():
        shown = lens if lens.command else await client.code_lens_resolve_async(lens)
        command = shown.command
        yield f"lens {_at(lens.range)}: {command.title} → {command.command}" if command else "lens"
    whole = types.Range(types.Position(0, 0), types.Position(len(editor.texts[uri].splitlines()), 0))
    for hint in await client.text_document_inlay_hint_async(types.InlayHintParams(document, whole)) or ():
        yield f"hint {hint.position.line}:{hint.position.character} {hint.label!r} {hint.tooltip!r}"
    shown_before = ""
    for position in _words(editor.texts[uri]):
        hover = await client.text_document_hover_async(types.HoverParams(document, position))
        if hover is not None and _text(hover.contents) != shown_before:
            shown_before = _text(hover.contents)
            yield f"hover {position.line}:{position.character} of {_at(hover.range)}\n{_text(hover.contents)}"
        target = await client.text_document_definition_async(types.DefinitionParams(document, position))
        if target:
            yield f"definition {position.line}:{position.character}: {target!r}"
    for position in _ends(editor.texts[uri]):
        offered = await client.text_document_completion_async(types.CompletionParams(document, position))
        items = offered.items if isinstance(offered, types.CompletionList) else list(offered or ())
        if items:
            lines = [f"  {each.label} | {each.detail} | {_edit(each.text_edit)}" for each in items[:OFFERED]]
            first = await client.completion_item_resolve_async(items[0])
            lines.append(f"  the first: {first.detail}; {_text(first.documentation)}")
            yield f"completion {position.line}:{position.character}, {len(items)} in all\n" + "\n".join(lines)
    for each in found:
        for action in await editor.actions(uri, each.range):
            yield "\n".join(_action(action))


def _finding(found: types.Diagnostic) -> Iterator[str]:
    severity = found.severity.name.lower() if found.severity else "none"
    tags = "".join(f" {tag.name.lower()}" for tag in found.tags or ())
    yield f"{severity} {found.code} {_at(found.range)}{tags}: {found.message}"
    for other in found.related_information or ():
        yield f"  also {other.location.uri.rpartition('/')[2]} {_at(other.location.range)}: {other.message}"


def _symbol(symbol: Any, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}symbol {symbol.name} {symbol.kind.name} {_at(symbol.range)}: {symbol.detail}"
    for inner in symbol.children or ():
        yield from _symbol(inner, depth + 1)


def _action(action: types.CodeAction) -> Iterator[str]:
    kind = action.kind.value if isinstance(action.kind, types.CodeActionKind) else action.kind
    yield f"action {action.title} [{kind}]{' preferred' if action.is_preferred else ''}"
    if action.command is not None:
        yield f"  command {action.command.command}"
    if action.edit is not None:
        changes = action.edit.document_changes or ()
        edits = [edit for change in changes for edit in getattr(change, "edits", ())]
        edits += [edit for own in (action.edit.changes or {}).values() for edit in own]
        for edit in edits:
            yield f"  {_at(edit.range)} {edit.new_text!r}"


def _edit(edit: Any) -> str:
    return "" if edit is None else f"{_at(getattr(edit, 'range', None) or edit.insert)} {edit.new_text!r}"


def _text(shown: Any) -> str:
    return shown.value if isinstance(shown, types.MarkupContent) else str(shown)


def _at(found: types.Range | None) -> str:
    if found is None:
        return "?"
    return f"{found.start.line}:{found.start.character}-{found.end.line}:{found.end.character}"


def _words(text: str) -> Iterator[types.Position]:
    """The first letter of each line, and the first after its key."""
    for number, line in enumerate(text.splitlines()):
        first = len(line) - len(line.lstrip())
        if line.strip():
            yield types.Position(number, first)
        after = max(line.find(": ") + 2, line.find("= ") + 2)
        if after > first + 2:
            yield types.Position(number, after)


def _ends(text: str) -> Iterator[types.Position]:
    """The end of each line that says something, and the beginning of the last."""
    for number, line in enumerate(text.splitlines()):
        if line.strip() and not line.lstrip().startswith("#"):
            yield types.Position(number, len(line))
