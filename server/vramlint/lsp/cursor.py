"""What is being typed at an offset, read from the line itself, so that it works on half-typed text."""

from __future__ import annotations

import re
from typing import Literal

from vramlint.document import Document
from vramlint.document.node import KeyPath, Span
from vramlint.lazy_dataclasses import dataclass, replace
from vramlint.lsp.flow import in_flow

_YAML_KEY = r"""(?P<quote>["']?)(?P<key>[^\s:#"'][^:#"']*?)(?P=quote)\s*:"""
_YAML_VALUE = re.compile(rf"(?P<indent>\s*(?:-\s+)*){_YAML_KEY}\s+(?P<typed>[^#]*)")
_YAML_START = re.compile(r"(?P<indent>\s*(?:-\s+)*)(?P<typed>[^\s:#]*)")
_YAML_PARENT = re.compile(rf"(?P<indent>\s*(?:-\s+)*){_YAML_KEY}(?:\s|$)")
_YAML_OPENS = re.compile(rf"(?P<indent>\s*(?:-\s+)*)(?:{_YAML_KEY}\s+)?(?:[&!]\S*\s+)*(?P<flow>[\[{{])")
_TOML_VALUE = re.compile(r"\s*(?P<key>[\w.\"'-]+)\s*=\s*(?P<typed>[^#]*)")
_TOML_START = re.compile(r"\s*(?P<typed>[\w.-]*)")
_TOML_HEADER = re.compile(r"\s*\[\[?\s*(?P<typed>[\w.-]*)")
_TOML_TABLE = re.compile(r"\s*\[\[?\s*(?P<name>[^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_REST_OF_KEY = {
    "yaml": re.compile(r"[^\s:#,\[\]{}]*"),
    "json": re.compile(r'[^":,{}\[\]\r\n]*"?'),
    "toml": re.compile(r"[\w.-]*"),
}
_REST_IN_FLOW = re.compile(r"[^,\]}\r\n]*?(?=\s*(?:[,\]}\r\n]|#|//|$))")
_REST_OF_LINE = re.compile(r"[^\r\n]*?(?=\s*(?:\s#|$))")
_SEPARATOR = {
    "yaml": re.compile(r"[\"']?\s*:(?!\S)"),
    "json": re.compile(r"\s*:"),
    "toml": re.compile(r"\s*="),
}
_FURTHEST = 500
"""Lines. Brackets that were opened further above are not looked for in YAML and TOML."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """`path` is the mapping that a key is typed in, or the key whose value or list item is; `typed` what
    is before the cursor. A table is the name in a TOML header.
    """

    part: Literal["key", "value", "item", "table"]
    path: KeyPath
    typed: str
    span: Span
    """What a completion replaces: the whole word under the cursor."""
    separated: bool = False
    """Of a key: its colon or equals sign is already there."""
    flow: bool = False
    """Between brackets."""


def cursor_at(document: Document, offset: int) -> Cursor | None:
    """What is typed at an offset; None inside a value that spans lines, or where nothing of ours can be."""
    line = document.lines.line(offset)
    span = document.lines.line_span(line)
    before, after = document.text[span.start : offset], document.text[offset : span.end]
    reader = {"yaml": _yaml, "json": _json, "toml": _toml}.get(document.language)
    found = reader(document, line, before, offset) if reader else None
    return None if found is None else _whole_word(found, document, after)


def _whole_word(cursor: Cursor, document: Document, after: str) -> Cursor:
    """The cursor with the rest of the word after it, and whether a key has its separator."""
    language, quote = document.language, cursor.typed[:1]
    if cursor.part == "table":
        return replace(cursor, span=_longer(cursor.span, _REST_OF_KEY["toml"], after))
    if cursor.part != "value":
        span = _longer(cursor.span, _REST_OF_KEY[language], after)
        separated = _SEPARATOR[language].match(after, span.end - cursor.span.end) is not None
        if cursor.part == "key" or (separated and language == "yaml"):
            return replace(cursor, part="key", span=span, separated=separated)
    if quote and quote in "\"'":
        rest = re.compile(f"[^{quote}\\r\\n]*{quote}?")
    else:
        rest = _REST_IN_FLOW if cursor.flow or language != "yaml" else _REST_OF_LINE
    return replace(cursor, span=_longer(cursor.span, rest, after))


def _longer(span: Span, rest: re.Pattern[str], after: str) -> Span:
    found = rest.match(after)
    return Span(span.start, span.end + (found.end() if found else 0))


def _yaml(document: Document, line: int, before: str, offset: int) -> Cursor | None:
    if flow := _yaml_flow(document, line, offset):
        return flow
    if value := _YAML_VALUE.fullmatch(before):
        parents = _yaml_parents(document, line, len(value["indent"]))
        return _cursor("value", (*parents, value["key"]), value["typed"], offset)
    if start := _YAML_START.fullmatch(before):
        parents = _yaml_parents(document, line, len(start["indent"]))
        if "-" in start["indent"] and parents:
            return _cursor("item", parents, start["typed"], offset)
        return _cursor("key", parents, start["typed"], offset)
    return None


def _yaml_flow(document: Document, line: int, offset: int) -> Cursor | None:
    """What is typed in a flow collection that was opened on this line or above, outermost bracket first; what
    is between brackets is indented more than their line.
    """
    found: Cursor | None = None
    least: int | None = None
    for above in range(line, max(-1, line - _FURTHEST), -1):
        span = document.lines.line_span(above)
        text = document.text[span.start : min(span.end, offset)]
        indent = len(text) - len(text.lstrip())
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        opens = _YAML_OPENS.match(text) if least is None or indent < least else None
        flow = in_flow(document.text[span.start + opens.start("flow") : offset], "yaml") if opens else None
        if opens and flow:
            parents = _yaml_parents(document, above, len(opens["indent"]))
            path = (*parents, *((opens["key"],) if opens["key"] else ()), *flow.path)
            found = _cursor(flow.part, path, flow.typed, offset, flow=True)
        if text[0] not in " \t-}])":
            break
        if text.lstrip()[0] not in "}])":
            least = indent if least is None else min(least, indent)
    return found


def _yaml_parents(document: Document, line: int, indent: int) -> KeyPath:
    """The keys above that are indented less, outermost first. An item's dash counts as indentation."""
    path: list[str] = []
    while line > 0 and indent > 0:
        line -= 1
        span = document.lines.line_span(line)
        above = _YAML_PARENT.match(document.text[span.start : span.end])
        if above is not None and len(above["indent"]) < indent:
            indent = len(above["indent"])
            path.insert(0, above["key"])
    return tuple(path)


def _json(document: Document, line: int, before: str, offset: int) -> Cursor | None:
    flow = in_flow(document.text[:offset], "json")
    return _cursor(flow.part, flow.path, flow.typed, offset, flow=True) if flow else None


def _toml(document: Document, line: int, before: str, offset: int) -> Cursor | None:
    if flow := _toml_flow(document, line, offset):
        return flow
    if header := _TOML_HEADER.fullmatch(before):
        return _cursor("table", (), header["typed"], offset)
    parents = _toml_table(document, line)
    if value := _TOML_VALUE.fullmatch(before):
        return _cursor("value", (*parents, *_dotted(value["key"])), value["typed"], offset)
    if start := _TOML_START.fullmatch(before):
        return _cursor("key", parents, start["typed"], offset)
    return None


def _toml_flow(document: Document, line: int, offset: int) -> Cursor | None:
    """What is typed in an array or inline table that was opened on this line or above."""
    for above in range(line, max(-1, line - _FURTHEST), -1):
        span = document.lines.line_span(above)
        text = document.text[span.start : min(span.end, offset)]
        pair = _TOML_VALUE.match(text)
        if pair is not None and pair["typed"][:1] in ("[", "{"):
            flow = in_flow(document.text[span.start + pair.start("typed") : offset], "toml")
            if flow is None:
                return None
            path = (*_toml_table(document, above), *_dotted(pair["key"]), *flow.path)
            return _cursor(flow.part, path, flow.typed, offset, flow=True)
        if pair is not None or _TOML_TABLE.fullmatch(text):
            return None
    return None


def _toml_table(document: Document, line: int) -> KeyPath:
    for above in range(line - 1, -1, -1):
        span = document.lines.line_span(above)
        header = _TOML_TABLE.fullmatch(document.text[span.start : span.end])
        if header is not None:
            return _dotted(header["name"])
    return ()


def _dotted(name: str) -> KeyPath:
    return tuple(part.strip(" \"'") for part in name.split("."))


def _cursor(
    part: Literal["key", "value", "item", "table"],
    path: KeyPath,
    typed: str,
    offset: int,
    *,
    flow: bool = False,
) -> Cursor:
    return Cursor(part, path, typed, Span(offset - len(typed), offset), flow=flow)
