"""What is being typed at an offset, read from the line itself, so that it works on half-typed text."""

from __future__ import annotations

import re
from typing import Literal

from vramlint.document import Document
from vramlint.document.node import KeyPath, Span
from vramlint.lazy_dataclasses import dataclass, replace

_YAML_KEY = r"""(?P<quote>["']?)(?P<key>[^\s:#"'][^:#"']*?)(?P=quote)\s*:"""
_YAML_VALUE = re.compile(rf"(?P<indent>\s*(?:-\s+)*){_YAML_KEY}\s+(?P<typed>[^#]*)")
_YAML_START = re.compile(r"(?P<indent>\s*(?:-\s+)*)(?P<typed>[^\s:#]*)")
_YAML_PARENT = re.compile(rf"(?P<indent>\s*(?:-\s+)*){_YAML_KEY}(?:\s|$)")
_JSON_VALUE = re.compile(r'.*"(?P<key>[^"]+)"\s*:\s*(?P<typed>"?[^",{}\[\]]*)')
_JSON_START = re.compile(r'(?:.*[,{])?\s*(?P<typed>"?[^":,{}\[\]]*)')
_JSON_TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"?|[{}\[\]:,]')
_TOML_VALUE = re.compile(r"\s*(?P<key>[\w.\"'-]+)\s*=\s*(?P<typed>[^#]*)")
_TOML_START = re.compile(r"\s*(?P<typed>[\w.-]*)")
_TOML_TABLE = re.compile(r"\s*\[\[?\s*(?P<name>[^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_ITEM = re.compile(r"[\[,]\s*")
_REST_OF_KEY = {
    "yaml": re.compile(r"[^\s:#]*"),
    "json": re.compile(r'[^":,{}\[\]\r\n]*"?'),
    "toml": re.compile(r"[\w.-]*"),
}
_REST_OF_VALUE = {
    "yaml": re.compile(r"[^\s#,\]}]*"),
    "json": re.compile(r'[^",{}\[\]\s]*"?'),
    "toml": re.compile(r"[^\s#,\]}]*"),
}
_SEPARATOR = {"yaml": re.compile(r"[\"']?\s*:"), "json": re.compile(r"\s*:"), "toml": re.compile(r"\s*=")}


@dataclass(frozen=True, slots=True)
class Cursor:
    """`path` is the mapping that a key is typed in, or the key whose value or list item is; `typed` what
    is before the cursor.
    """

    part: Literal["key", "value", "item"]
    path: KeyPath
    typed: str
    span: Span
    """What a completion replaces: the whole word under the cursor."""
    separated: bool = False
    """Of a key: its colon or equals sign is already there."""


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
    if cursor.part == "key":
        rest, separator = _REST_OF_KEY[document.language], _SEPARATOR[document.language]
    else:
        rest, separator = _REST_OF_VALUE[document.language], None
        if cursor.typed[:1] in "\"'" and cursor.typed:
            rest = re.compile(f"[^{cursor.typed[0]}\\r\\n]*{cursor.typed[0]}?")
    length = found.end() if (found := rest.match(after)) else 0
    separated = separator is not None and separator.match(after, length) is not None
    return replace(cursor, span=Span(cursor.span.start, cursor.span.end + length), separated=separated)


def _yaml(document: Document, line: int, before: str, offset: int) -> Cursor | None:
    if value := _YAML_VALUE.fullmatch(before):
        parents = _yaml_parents(document, line, len(value["indent"]))
        return _cursor("value", (*parents, value["key"]), value["typed"], offset)
    if start := _YAML_START.fullmatch(before):
        parents = _yaml_parents(document, line, len(start["indent"]))
        if "-" in start["indent"] and parents:
            return _cursor("item", parents, start["typed"], offset)
        return _cursor("key", parents, start["typed"], offset)
    return None


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
    inside = _json_parents(document.text[:offset])
    if value := _JSON_VALUE.fullmatch(before):
        return _cursor("value", (*inside, value["key"]), value["typed"], offset)
    if start := _JSON_START.fullmatch(before):
        return _cursor("key", inside, start["typed"], offset)
    return None


def _json_parents(before: str) -> KeyPath:
    """The keys of the mappings that are open at the end of a text."""
    open_brackets: list[str | None] = []
    text: str | None = None
    key: str | None = None
    for token in _JSON_TOKEN.findall(before):
        if token[0] == '"':
            text = token.strip('"')
        elif token == ":":
            key = text
        elif token in "{[":
            open_brackets.append(key)
            text = key = None
        else:
            text = key = None
            if token in "}]" and open_brackets:
                open_brackets.pop()
    return tuple(name for name in open_brackets if name is not None)


def _toml(document: Document, line: int, before: str, offset: int) -> Cursor | None:
    parents = _toml_table(document, line)
    if value := _TOML_VALUE.fullmatch(before):
        keys = tuple(part.strip(" \"'") for part in value["key"].split("."))
        return _cursor("value", (*parents, *keys), value["typed"], offset)
    if start := _TOML_START.fullmatch(before):
        return _cursor("key", parents, start["typed"], offset)
    return None


def _toml_table(document: Document, line: int) -> KeyPath:
    for above in range(line - 1, -1, -1):
        span = document.lines.line_span(above)
        header = _TOML_TABLE.fullmatch(document.text[span.start : span.end])
        if header is not None:
            return tuple(part.strip(" \"'") for part in header["name"].split("."))
    return ()


def _cursor(part: Literal["key", "value", "item"], path: KeyPath, typed: str, offset: int) -> Cursor:
    if part == "value" and typed.startswith("["):
        typed = _ITEM.split(typed)[-1]
        part = "item"
    return Cursor(part, path, typed, Span(offset - len(typed), offset))
