"""Edits of a text, and how setting or removing a key becomes one.

Every edit is tried before it is handed out: the edited text must parse to the old values with exactly that
one change. What cannot be said without touching something else (an alias shares it, say) gives None.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from vramlint.document.document import Document
from vramlint.document.language import Language
from vramlint.document.node import KeyPath, Node, Pair, walk
from vramlint.document.write import CannotWrite, write_key, write_value


class TextEdit(NamedTuple):
    """Replace the code points `start:end` by `text`."""

    start: int
    end: int
    text: str


def apply_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """The text after all edits, whose offsets all count in the text before. Raises ValueError where two
    overlap.
    """
    parts: list[str] = []
    offset = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start < offset:
            raise ValueError(f"edits overlap at offset {edit.start}")
        parts += (text[offset : edit.start], edit.text)
        offset = edit.end
    return "".join((*parts, text[offset:]))


def edited(document: Document, *edits: TextEdit) -> Document:
    """The document with edits made, whose offsets all count in its text."""
    return _parsed(apply_edits(document.text, edits), document.path, document.language)


@lru_cache(maxsize=8)
def _parsed(text: str, path: str | None, language: Language) -> Document:
    """A document that is parsed when an edit is tried and wanted again when it is made."""
    return Document.parse(text, path, language)


def set_keys(document: Document, keys: Iterable[tuple[KeyPath, Any]]) -> tuple[TextEdit, ...] | None:
    """The edits that write all values at once, each where it would go alone; None where one of them has to
    see what another wrote. What goes into one mapping that is not there yet is one edit.
    """
    keys, expected, edits = [*keys], document.values(), []
    for path, value in keys:
        expected = _with(expected, path, value)
    try:
        for path, value in _gathered(document, keys):
            edit = _written(document, path, value) if path else None
            if edit is None:
                return None
            edits.append(edit)
        after = edited(document, *edits)
    except (CannotWrite, ValueError):  # they overlap
        return None
    return tuple(edits) if _holds(document, after, expected) else None


class _Block(dict[Any, Any]):
    """Pairs to be written; as a value those of a YAML mapping that is not there yet, each on its own line."""


def _gathered(document: Document, keys: Iterable[tuple[KeyPath, Any]]) -> Iterable[tuple[KeyPath, Any]]:
    """The keys, where those that go into one mapping which is not there yet are one."""
    found = _Block()
    for path, value in keys:
        depth = next((at for at in range(1, len(path)) if document.node(path[:at]) is None), len(path))
        below = [str(name) for name in path[depth:]] if document.language == "yaml" else []
        into: Any = found
        for name in (path[:depth], *below[:-1]) if below else ():
            into = into.setdefault(name, _Block()) if isinstance(into, _Block) else None
        last = below[-1] if below else path
        if not isinstance(into, _Block) or last in into:
            raise CannotWrite("one value is written over another")
        into[last] = value
    return found.items()


def set_key(document: Document, path: KeyPath, value: Any, after: str | None = None) -> TextEdit | None:
    """The edit that writes `value` at `path`, replacing what is there, or inserting the key and the
    mappings above it.

    A new key goes after the key `after` of the same mapping, or after the mapping's last.
    """
    if not path:
        return None
    expected = _with(document.values(), path, value)
    try:
        edit = _tried(document, _written(document, path, value, after), expected)
        if edit is None and not _is_own(document, path) and document.language == "toml":
            edit = _tried(document, _toml_table(document, path, value), expected)
    except CannotWrite:
        return None
    return edit


def remove_key(document: Document, path: KeyPath) -> TextEdit | None:
    """The edit that removes the pair at `path` with its line. A mapping that loses its only key stays,
    empty.
    """
    pair = document.pair(path)
    parent = document.node(path[:-1])
    if pair is None or parent is None or not _is_own(document, path):
        return None
    own = [other for other in parent.pairs if other.merged_from is None]
    expected = _without(document.values(), path)
    if len(own) == 1 and path[1:] and parent.style == "block":
        return _tried(document, _replacement(document, path[:-1], {}), expected)
    edit = _flow_removal(own, pair) if parent.style == "flow" else _line_removal(document, own, pair)
    return _tried(document, edit, expected)


def _tried(document: Document, edit: TextEdit | None, expected: Any) -> TextEdit | None:
    """The edit if it does what it should."""
    if edit is None:
        return None
    return edit if _holds(document, edited(document, edit), expected) else None


def _holds(before: Document, after: Document, expected: Any) -> bool:
    """Whether an edited document has the values that it should have, and no new problem."""
    return (after.values() or {}) == (expected or {}) and len(after.problems) <= len(before.problems)


def _written(document: Document, path: KeyPath, value: Any, after: str | None = None) -> TextEdit | None:
    """The edit that writes a value, not yet tried."""
    if _is_own(document, path):
        return _replacement(document, path, value)
    return _insertion(document, path, value, after)


def _with(values: Any, path: KeyPath, value: Any) -> Any:
    """A copy of plain values with one changed."""
    if not path:
        return value
    if isinstance(values, list) and isinstance(path[0], int) and path[0] < len(values):
        return [
            _with(item, path[1:], value) if index == path[0] else item for index, item in enumerate(values)
        ]
    old = values if isinstance(values, dict) else {}
    return {**old, path[0]: _with(old.get(path[0]), path[1:], value)}


def _without(values: Any, path: KeyPath) -> Any:
    """A copy of plain values with one key removed."""
    if isinstance(values, list):
        return [_without(item, path[1:]) if index == path[0] else item for index, item in enumerate(values)]
    if len(path) == 1:
        return {key: item for key, item in values.items() if key != path[0]}
    return {key: _without(item, path[1:]) if key == path[0] else item for key, item in values.items()}


def _is_own(document: Document, path: KeyPath) -> bool:
    """Whether the value at a path is written there, not merged in."""
    if isinstance(path[-1], int):
        return document.node(path) is not None
    pair = document.pair(path)
    return pair is not None and pair.merged_from is None


def line_ending(document: Document) -> str:
    """The line ending of a document, as its first line has it; `\\n` where there is only one line."""
    text = document.text
    feed, carriage = text.find("\n"), text.find("\r")
    if carriage >= 0 and (feed < 0 or carriage < feed):
        return "\r\n" if feed == carriage + 1 else "\r"
    return "\n"


def _line_end(document: Document, offset: int) -> int:
    return document.lines.line_span(document.lines.line(offset)).end


def _replacement(document: Document, path: KeyPath, value: Any) -> TextEdit | None:
    """Write another value over one that is there."""
    node = document.node(path)
    if node is None or any(child.anchor and child.kind != "alias" for _, child in walk(node)):
        return None
    parent = document.node(path[:-1])
    new = write_value(value, document.language, node.style, parent is not None and parent.style == "flow")
    start, end = node.span
    if start == end:
        return TextEdit(start, end, f" {new}")
    if node.style == "block":
        pair = document.pair(path)
        if pair is None:
            return TextEdit(start, end, new)
        colon = document.text.find(":", pair.key.span.end, start)
        if colon < 0:  # of a line that is being typed: the parser completed it
            return None
        end = _line_end(document, start + len(document.text[start:end].rstrip()))
        start = colon + 1
        comment = document.text[start : _line_end(document, start)].strip()
        return TextEdit(start, end, f" {new}  {comment}" if comment.startswith("#") else f" {new}")
    if node.style in ("literal", "folded"):
        end = start + len(document.text[start:end].rstrip())
        header = document.text[start : _line_end(document, start)]
        comment = header[header.index("#") :] if "#" in header else ""
        return TextEdit(start, end, f"{new}  {comment}" if comment else new)
    return None if node.style == "table" else TextEdit(start, end, new)


def _insertion(document: Document, path: KeyPath, value: Any, after: str | None) -> TextEdit | None:
    """Write a key that is missing, under the deepest mapping that exists."""
    depth = len(path) - 1
    while depth > 0 and document.node(path[:depth]) is None:
        depth -= 1
    parent = document.node(path[:depth])
    names = [str(part) for part in path[depth:]]
    if parent is None:
        return _first_pair(document, names, value)
    if parent.kind == "scalar" and parent.value is None and depth and not isinstance(value, _Block):
        return _replacement(document, path[:depth], _nested(names, value))
    if parent.kind != "map":
        return None
    own = [pair for pair in parent.pairs if pair.merged_from is None]
    sibling = next((pair for pair in own if pair.key.raw == after), own[-1] if own else None)
    if isinstance(value, _Block) and parent.style != "block":
        return None
    if parent.style == "flow":
        return _flow_insertion(document, parent, sibling, names, value)
    if document.language == "toml":
        return _toml_insertion(document, parent, own, after, names, value, depth == 0)
    return None if sibling is None else _block_insertion(document, sibling, names, value)


def _nested(names: list[str], value: Any) -> Any:
    for name in reversed(names):
        value = {name: value}
    return value


def _block_lines(names: list[str], value: Any, indent: str, newline: str) -> str:
    """`a:`, below it `b: value`, each mapping two columns deeper."""
    lines = [f"{indent}{'  ' * depth}{write_key(name, 'yaml')}:" for depth, name in enumerate(names)]
    if not isinstance(value, _Block):
        return newline.join(lines) + " " + write_value(value, "yaml")
    below = indent + "  " * len(names)
    lines += (_block_lines([name], each, below, newline) for name, each in value.items())
    return newline.join(lines)


def _first_pair(document: Document, names: list[str], value: Any) -> TextEdit | None:
    """The first pair of a file that has none."""
    end = len(document.text)
    gap = line_ending(document) if document.text and document.text[-1] not in "\r\n" else ""
    if document.language == "json":
        return (
            None
            if document.text.strip()
            else TextEdit(0, end, write_value(_nested(names, value), "json") + "\n")
        )
    if document.language == "toml":
        keys = ".".join(write_key(name, "toml") for name in names)
        return TextEdit(end, end, f"{gap}{keys} = {write_value(value, 'toml')}\n")
    newline = line_ending(document)
    return TextEdit(end, end, gap + _block_lines(names, value, "", newline) + newline)


def _last_leaf(node: Node) -> Node:
    """The node that ends last."""
    while node.style == "block" and (node.pairs or node.items):
        children = [pair.value for pair in node.pairs if pair.merged_from is None] or list(node.items)
        if not children:
            break
        node = children[-1]
    return node


def _block_insertion(document: Document, sibling: Pair, names: list[str], value: Any) -> TextEdit | None:
    """A line below a pair of a YAML block mapping, in the same column."""
    start = sibling.key.span.start
    line = document.lines.line_span(document.lines.line(start))
    indent = " " * (start - line.start)
    newline = line_ending(document)
    written = _block_lines(names, value, indent, newline)
    end = sibling.value.span.end
    if _last_leaf(sibling.value).style in (
        "literal",
        "folded",
    ):  # blank lines after it are part of its value
        if document.text[end - 1] in "\r\n":
            return TextEdit(end, end, written + newline)
        return TextEdit(line.start, line.start, written + newline)
    end = _line_end(document, max(end, sibling.key.span.end))
    return TextEdit(end, end, newline + written)


def _flow_insertion(
    document: Document, parent: Node, sibling: Pair | None, names: list[str], value: Any
) -> TextEdit | None:
    """A pair inside braces: on its own line where the sibling has one."""
    language = document.language
    colon = " = " if language == "toml" else ": "
    inner = write_value(_nested(names[1:], value), language, flow=True)
    written = f"{write_key(names[0], language, True)}{colon}{inner}"
    if sibling is None:
        return TextEdit(parent.span.start + 1, parent.span.start + 1, written)
    line = document.lines.line_span(document.lines.line(sibling.key.span.start))
    indent = document.text[line.start : sibling.key.span.start]
    end = max(sibling.value.span.end, sibling.key.span.end)
    if indent.strip():
        return TextEdit(end, end, f", {written}")
    line_end = _line_end(document, end)
    rest = document.text[end:line_end]
    break_ = line_ending(document) + indent
    comment = next((found for found in document.comments if end <= found.span.start < line_end), None)
    if comment is None or rest.strip(" \t,").startswith(("}", "]")):
        return TextEdit(end, end, f",{break_}{written}")
    if rest.lstrip().startswith(","):
        return TextEdit(line_end, line_end, f"{break_}{written},")
    return TextEdit(end, line_end, f",{rest}{break_}{written}")


def _toml_insertion(
    document: Document,
    parent: Node,
    own: list[Pair],
    after: str | None,
    names: list[str],
    value: Any,
    top_level: bool,
) -> TextEdit | None:
    """A line in a TOML table, or a new table at the end of the file."""
    text, newline = document.text, line_ending(document)
    keys = [write_key(name, "toml") for name in names]
    if top_level and len(names) > 1:
        return _toml_table(document, tuple(names), value)
    written = f"{'.'.join(keys)} = {write_value(value, 'toml')}"
    plain = [pair for pair in own if pair.value.style != "table"]
    sibling = next((pair for pair in plain if pair.key.raw == after), plain[-1] if plain else None)
    if sibling is not None:
        line = document.lines.line_span(document.lines.line(sibling.key.span.start))
        end = _line_end(document, sibling.value.span.end)
        return TextEdit(end, end, newline + text[line.start : sibling.key.span.start] + written)
    if top_level:
        return TextEdit(0, 0, written + newline)
    end = _line_end(document, parent.span.start)
    return TextEdit(end, end, newline + written)


def _toml_table(document: Document, path: KeyPath, value: Any) -> TextEdit:
    """A new table at the end of the file."""
    text, newline = document.text, line_ending(document)
    keys = [write_key(name, "toml") for name in path]
    gap = "" if not text or text.endswith(("\n", "\r")) else newline
    table = f"[{'.'.join(keys[:-1])}]{newline}{keys[-1]} = {write_value(value, 'toml')}{newline}"
    return TextEdit(len(text), len(text), f"{gap}{newline}{table}")


def _flow_removal(own: list[Pair], pair: Pair) -> TextEdit:
    """A pair inside braces with the comma that it no longer needs."""
    index = own.index(pair)
    if index + 1 < len(own):
        return TextEdit(pair.key.span.start, own[index + 1].key.span.start, "")
    end = max(pair.value.span.end, pair.key.span.end)
    return TextEdit(own[index - 1].value.span.end if index else pair.key.span.start, end, "")


def _line_removal(document: Document, own: list[Pair], pair: Pair) -> TextEdit:
    """The lines of a pair; in front of a list item's dash, only up to the next pair."""
    start, text = pair.key.span.start, document.text
    line = document.lines.line_span(document.lines.line(start))
    before = text[line.start : start]
    index = own.index(pair)
    if "-" in before and index + 1 < len(own):
        return TextEdit(start, own[index + 1].key.span.start, "")
    end = max(pair.value.span.end, pair.key.span.end)
    if text[end - 1] not in "\r\n":
        end = _line_end(document, end)
        end += 2 if text.startswith("\r\n", end) else 1
    return TextEdit(line.start, min(end, len(text)), "")
