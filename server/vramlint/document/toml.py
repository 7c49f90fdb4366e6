"""TOML: places from a reader of our own, values from `tomllib` where it accepts the text.

The format is line-shaped, so a broken line costs its own pair and nothing else.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from typing import Any

from vramlint.document.comments import comments_at, hash_spans
from vramlint.document.lines import LineIndex
from vramlint.document.node import Node, Pair, Span, SyntaxProblem, Tree
from vramlint.lazy_dataclasses import dataclass, field, replace

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_DEPTH = 200
MOST_PROBLEMS = 200
"""Lines that cannot be read, after which the rest is not."""

_BLANK = re.compile(r"(?:[ \t\r\n\ufeff]|#[^\r\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\r\n]|\\[^\r\n])*"|\'[^\'\r\n]*\'', re.DOTALL
)
_PLAIN_STRING = re.compile(r'"([^"\\\x00-\x1f\x7f]+)"')
"""A string whose value is what is written."""
_KEY_PART = re.compile(
    r"[ \t]*(?:(?P<bare>[^\s=.#\[\]{},\"']+)|(?P<quoted>" + _STRING.pattern + r"))[ \t]*(?P<dot>\.?)",
    re.DOTALL,
)
_LINE_END = re.compile(r"[ \t]*(?=[#\r\n]|\Z)")
_BARE_VALUE = re.compile(r"[^,\]}#\r\n]+")
_REST = re.compile(r"[^\r\n]*")
_POSITION = re.compile(r"\(at line (\d+), column (\d+)\)")


class _Unreadable(Exception):
    """The reader cannot go on with this line."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(slots=True)
class _Table:
    """A table under construction: by key, the key's node and the values it has got."""

    start: int
    end: int
    style: Any = "table"
    entries: dict[str, tuple[Node, _Table | _Tables | Node]] = field(default_factory=dict)


@dataclass(slots=True)
class _Tables:
    """An array of tables under construction."""

    items: list[_Table] = field(default_factory=list)


def parse_toml(text: str, lines: LineIndex) -> Tree:
    """The tree of a TOML text."""
    reader = _Reader(text)
    reader.run()
    problems = reader.too_deep
    root: Node | None = _finish(reader.root) if reader.root.entries else None
    try:
        values = None if problems else tomllib.loads(text)  # its time grows with the square of the depth
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        problems = [_problem(str(error), text, lines), *reader.problems]
    else:
        if values:
            root = root or Node("map", Span(0, len(text)), values, style="table")
            root = replace(root, value=values)
        elif values is not None:
            root = None
    comments = comments_at(text, lines, hash_spans(text, sorted(reader.strings), spaced=False))
    return Tree(root, tuple(problems), comments)


def _problem(message: str, text: str, lines: LineIndex) -> SyntaxProblem:
    """tomllib's complaint; older Pythons give the place only in its text."""
    found = _POSITION.search(message)
    offset = len(text.rstrip())
    if found is not None:
        offset = min(lines.line_span(int(found[1]) - 1).start + int(found[2]) - 1, len(text))
    rest = _REST.match(text, offset)
    end = max(rest.end() if rest else offset, min(offset + 1, len(text)))
    short = message.partition(" (at ")[0]
    return SyntaxProblem(Span(offset, end), short[:1].lower() + short[1:])


@lru_cache(maxsize=4096)
def _value(raw: str) -> Any:
    """What tomllib makes of a single value. Raises ValueError where it refuses."""
    return tomllib.loads(f"v={raw}")["v"]


class _Reader:
    """One pass over the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root = _Table(0, len(text))
        self.table = self.root
        self.above: list[_Table] = []
        """The tables above the current one: they reach as far as it does."""
        self.strings: list[Span] = []
        self.problems: list[SyntaxProblem] = []
        self.too_deep: list[SyntaxProblem] = []

    def run(self) -> None:
        offset = self.skip_space(0)
        while offset < len(self.text):
            try:
                offset = self.header(offset) if self.text[offset] == "[" else self.pair(offset, self.table)
                offset = self.line_end(offset)
            except _Unreadable as trouble:
                rest = _REST.match(self.text, trouble.offset)
                end = rest.end() if rest else trouble.offset
                self.problems.append(SyntaxProblem(Span(trouble.offset, end), str(trouble)))
                if len(self.problems) > MOST_PROBLEMS:
                    return
                offset = end
            offset = self.skip_space(offset)

    def skip_space(self, offset: int) -> int:
        """The offset after white space, line breaks and comments."""
        found = _BLANK.match(self.text, offset)
        return found.end() if found else offset

    def space(self, offset: int) -> int:
        found = _SPACE.match(self.text, offset)
        return found.end() if found else offset

    def at(self, offset: int) -> str:
        return self.text[offset : offset + 1]

    def line_end(self, offset: int) -> int:
        """Only a comment may follow on the line."""
        found = _LINE_END.match(self.text, offset)
        if found is None:
            raise _Unreadable(self.space(offset), "unexpected text after the value")
        return found.end()

    def key(self, offset: int) -> tuple[list[Node], int]:
        """The parts of a dotted key."""
        parts: list[Node] = []
        while (found := _KEY_PART.match(self.text, offset)) is not None:
            if len(parts) == MAX_DEPTH:
                raise self.deeper(offset)
            name, span = found["bare"], Span._make(found.span("bare"))
            if name is None:
                span = Span._make(found.span("quoted"))
                self.strings.append(span)
                name = str(self.read(found["quoted"], span)[0])
            parts.append(Node("scalar", span, name, name))
            offset = found.end()
            if not found["dot"]:
                return parts, offset
        raise _Unreadable(self.space(offset), "a key is expected here")

    def deeper(self, offset: int) -> _Unreadable:
        """What to raise where it is nested deeper than any config."""
        message = f"nested deeper than {MAX_DEPTH} levels"
        self.too_deep.append(SyntaxProblem(Span(offset, offset + 1), message, "too-deep"))
        return _Unreadable(offset, "nested too deep")

    def read(self, raw: str, span: Span) -> tuple[Any, bool]:
        """A scalar's value and whether it is only its text because tomllib refuses it."""
        try:
            return _value(raw), False
        except (ValueError, RecursionError):
            self.problems.append(
                SyntaxProblem(span, f"invalid TOML value {raw!r}: quote it if it is a string")
            )
            return raw.strip("\"'"), True

    def header(self, offset: int) -> int:
        """`[table]` or `[[array of tables]]`: the table that following pairs belong to."""
        start, double = offset, self.text.startswith("[[", offset)
        parts, offset = self.key(offset + 1 + double)
        closed = self.text.startswith("]" * (1 + double), offset)
        end = offset + 1 + double if closed else offset
        parent = self.down(self.root, parts[:-1], start, end)
        above = [self.down(self.root, parts[:length], start, end) for length in range(1, len(parts))]
        self.above = [table for table in above if table.start <= start]
        name = parts[-1]
        if double:
            entry = parent.entries.setdefault(name.raw, (name, _Tables()))[1]
            self.table = _Table(start, end)
            if isinstance(entry, _Tables):
                entry.items.append(self.table)
        else:
            self.table = self.down(parent, [name], start, end)
        if not closed:
            raise _Unreadable(offset, "a bracket should close the table's name")
        return end

    def down(self, table: _Table, parts: list[Node], start: int, end: int) -> _Table:
        """The table at a dotted key below `table`, created where it is missing; of an array of tables, the
        last.
        """
        for part in parts:
            entry = table.entries.setdefault(part.raw, (part, _Table(start, end)))[1]
            if isinstance(entry, _Tables):
                entry = entry.items[-1]
            if isinstance(entry, Node):  # tomllib refuses this: what follows belongs nowhere
                return _Table(start, end)
            table = entry
            table.end = max(table.end, end) if table.start <= start else table.end
        return table

    def pair(self, offset: int, table: _Table, depth: int = 0) -> int:
        """`key = value`. A key without value is kept with an empty one."""
        start = offset
        parts, offset = self.key(offset)
        owner = self.down(table, parts[:-1], start, offset) if len(parts) > 1 else table
        key = parts[-1]
        if self.at(offset) != "=":
            owner.entries.setdefault(key.raw, (key, Node("scalar", Span(offset, offset), recovered=True)))
            raise _Unreadable(offset, f"'= value' should follow the key {key.raw!r}")
        offset += 1
        try:
            value, end = self.value(self.space(offset), depth)
        except _Unreadable:
            owner.entries[key.raw] = (key, Node("scalar", Span(offset, offset), recovered=True))
            raise
        owner.entries[key.raw] = (key, value)
        table.end = max(table.end, end)
        owner.end = max(owner.end, end)
        if table is self.table:
            for above in self.above:
                above.end = max(above.end, end)
        return end

    def value(self, offset: int, depth: int) -> tuple[Node, int]:
        """The value that begins here, and where it ends."""
        mark = self.at(offset)
        if mark in ("[", "{") and mark:
            if depth >= MAX_DEPTH:
                raise self.deeper(offset)
            return self.array(offset, depth) if mark == "[" else self.inline_table(offset, depth)
        plain = _PLAIN_STRING.match(self.text, offset)
        if plain is not None:
            span = Span._make(plain.span())
            self.strings.append(span)
            return Node("scalar", span, plain[1], plain[1], "double"), span.end
        string = _STRING.match(self.text, offset) if mark in ('"', "'") else None
        found = string or _BARE_VALUE.match(self.text, offset)
        raw = found.group().rstrip() if found else ""
        if not raw:
            raise _Unreadable(offset, "a value is expected here")
        span = Span(offset, offset + len(raw))
        if string:
            self.strings.append(span)
        value, recovered = self.read(raw, span)
        style: Any = {'"': "double", "'": "single"}.get(mark, "plain")
        return Node(
            "scalar", span, value, str(value) if string else raw, style, recovered=recovered
        ), span.end

    def array(self, offset: int, depth: int) -> tuple[Node, int]:
        start, items = offset, []
        offset = self.skip_space(offset + 1)
        while self.at(offset) != "]":
            item, offset = self.value(offset, depth + 1)
            items.append(item)
            offset = self.skip_space(offset)
            if self.at(offset) == ",":
                offset = self.skip_space(offset + 1)
            elif self.at(offset) != "]":
                raise _Unreadable(offset, "',' or ']' should follow the item")
        values = [item.value for item in items]
        return Node("seq", Span(start, offset + 1), values, style="flow", items=tuple(items)), offset + 1

    def inline_table(self, offset: int, depth: int) -> tuple[Node, int]:
        table = _Table(offset, offset, "flow")
        offset = self.skip_space(offset + 1)
        while self.at(offset) != "}":
            offset = self.skip_space(self.pair(offset, table, depth + 1))
            if self.at(offset) == ",":
                offset = self.skip_space(offset + 1)
            elif self.at(offset) != "}":
                raise _Unreadable(offset, "',' or '}' should follow the pair")
        table.end = offset + 1
        return _finish(table), offset + 1


def _finish(entry: _Table | _Tables | Node, depth: int = 0) -> Node:
    """The node of a finished table. Names nested deeper than the cap end in an empty value."""
    if isinstance(entry, Node):
        return entry
    if isinstance(entry, _Tables):
        items = tuple(_finish(item, depth + 1) for item in entry.items)
        span = Span(items[0].span.start, items[-1].span.end)
        return Node("seq", span, [item.value for item in items], style="table", items=items)
    if depth >= MAX_DEPTH:
        return Node("scalar", Span(entry.start, entry.start), recovered=True)
    pairs = tuple(Pair(key, _finish(value, depth + 1)) for key, value in entry.entries.values())
    values = {pair.key.value: pair.value.value for pair in pairs}
    return Node("map", Span(entry.start, entry.end), values, style=entry.style, pairs=pairs)
