"""A broken block of YAML, read line by line: indentation, dashes, `key: value`. What it finds is marked as
recovered.
"""

from __future__ import annotations

import re
from typing import Any

from vramlint.document.node import Node, Pair, Span, SyntaxProblem
from vramlint.document.yaml.compose import MAX_DEPTH, Anchors, Broken, Composed, compose
from vramlint.lazy_dataclasses import dataclass, field

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_DASHES = re.compile(r"(?:-[ \t]+)*(?:-(?=[\r\n]|\Z))?")
_ENTRY = re.compile(
    r"""(?P<key>"[^"\r\n]*"|'[^'\r\n]*'
    |[^\s#:"'{}\[\],&*!|>%@`](?:[^:#\r\n]|:(?=\S)|(?<=\S)\#)*?)
    [ \t]*:(?=[ \t\r\n]|\Z)""",
    re.VERBOSE,
)
_TIGHT = re.compile(r"(?P<key>[A-Za-z_][\w.\-]*):(?!//)(?=\S)")
_WORD = re.compile(r"[A-Za-z_][\w.\-]*(?=[ \t]*(?:#|[\r\n]|\Z))")
_BLOCK_SCALAR = re.compile(r"[|>][+\-0-9]*[ \t]*(?:#|[\r\n]|\Z)")
_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#.*")
_CONFLICT = re.compile(r"(?:<{7}|={7}|>{7}|\|{7})(?:[ \t\r\n]|\Z)")
_CLOSERS = ("]", "}", '"', "'", '"]', "']", '"}', "'}", "]}", "}]", "]]", "}}")


@dataclass(slots=True)
class _Open:
    """A collection under construction; `indent` is the column of its keys or dashes."""

    indent: int
    kind: str
    start: int
    pairs: list[tuple[Node, Any]] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)


def read_lines(block: str, base: int, anchors: Anchors, problem: SyntaxProblem | None) -> Composed:
    """The block's pairs as far as its lines show them. `problem` is what the parser said, if it said
    something.
    """
    reader = _Reader(block, base, anchors)
    reader.run()
    problems = [problem] if problem is not None and not reader.conflicted else reader.problems
    root = reader.finish(reader.root) if reader.root.pairs or reader.root.items else None
    return Composed([root] if root else [], problems, reader.scalars)


class _Reader:
    """One pass over the lines of a block, with a stack of the open collections."""

    def __init__(self, block: str, base: int, anchors: Anchors) -> None:
        self.block = block
        self.base = base
        self.anchors = anchors
        self.scalars: list[Span] = []
        self.problems: list[SyntaxProblem] = []
        self.conflicted = False
        self.root = _Open(0, "map", 0)
        self.stack = [self.root]

    def run(self) -> None:
        skip_deeper_than: int | None = None
        offset = 0
        while offset < len(self.block):
            line = _LINE.match(self.block, offset)
            assert line is not None
            text = line.group().rstrip("\r\n")
            body = text.lstrip(" \t\ufeff")
            start, offset = offset + len(text) - len(body), line.end()
            indent = (
                len(text.expandtabs(2)) - len(body.expandtabs(2)) if "\t" in text else len(text) - len(body)
            )
            if not body or body.startswith("#"):
                continue
            if skip_deeper_than is not None:
                if indent > skip_deeper_than:
                    continue
                skip_deeper_than = None
            if _CONFLICT.match(text):
                self.conflicted = True
                message = "an unresolved merge conflict: decide for one side and remove the markers"
                self.problems.append(SyntaxProblem(self.span(start, start + len(body)), message))
            elif self.read(start, start + len(body), indent):
                skip_deeper_than = indent

    def span(self, start: int, end: int) -> Span:
        return Span(self.base + start, self.base + end)

    def read(self, start: int, end: int, indent: int) -> bool:
        """One line without its indentation. True where it opens a block scalar, whose lines are then
        skipped.
        """
        dashes = _DASHES.match(self.block, start, end)
        for offset in range(start, dashes.end() if dashes else start):
            if self.block[offset] == "-":
                self.item(indent + offset - start, offset)
        if dashes:
            indent, start = indent + dashes.end() - start, dashes.end()
        entry = _ENTRY.match(self.block, start, end) or _TIGHT.match(self.block, start, end)
        if entry is not None:
            return self.entry(entry.span("key"), entry.end(), end, indent)
        if dashes and dashes.group() and start < end:
            self.stack[-1].items[-1] = self.value(start, end)
        elif (word := _WORD.match(self.block, start, end)) and not self.continues(indent):
            key = self.span(*word.span())
            name = word.group()
            self.problems.append(SyntaxProblem(key, f"{name!r} is not a pair: write '{name}: ' and a value"))
            self.entry(word.span(), word.end(), word.end(), indent)
        elif not self.stack[-1].pairs and not self.stack[-1].items:
            self.problems.append(SyntaxProblem(self.span(start, end), "neither 'key: value' nor '- item'"))
        return False

    def continues(self, indent: int) -> bool:
        """Whether a bare word goes on with a value of the line before."""
        top = self.stack[-1]
        return bool(top.pairs) and indent > top.indent and isinstance(top.pairs[-1][1], Node)

    def item(self, indent: int, offset: int) -> None:
        """A dash opens an item in the list of its column."""
        while len(self.stack) > 1 and self.stack[-1].indent > indent:
            self.stack.pop()
        top = self.stack[-1]
        if top.kind == "seq" and top.indent == indent:
            top.items.append(None)
            return
        while len(self.stack) > 1 and top.kind == "seq" and top.indent >= indent:
            self.stack.pop()
            top = self.stack[-1]
        self.push(_Open(indent, "seq", self.base + offset, items=[None]))

    def push(self, child: _Open) -> None:
        """Hang a collection under the last key or item that has no value. Where there is none, or below the
        deepest level that is read, it stands alone and is lost.
        """
        if len(self.stack) >= MAX_DEPTH:
            self.stack[-1] = child
            return
        top = self.stack[-1]
        if top.kind == "seq" and top.items and top.items[-1] is None:
            top.items[-1] = child
        elif top.kind == "map" and top.pairs and top.pairs[-1][1] is None:
            top.pairs[-1] = (top.pairs[-1][0], child)
        elif top is self.root and not top.pairs and not top.items:
            self.root = child
            self.stack.clear()
        self.stack.append(child)

    def entry(self, key: tuple[int, int], after: int, end: int, indent: int) -> bool:
        """A key of the mapping of its column; what follows the colon is its value."""
        self.settle(indent, key[0])
        top = self.stack[-1]
        raw = self.block[key[0] : key[1]]
        name = raw[1:-1] if raw[:1] in "\"'" else raw
        node = self.scalar(self.span(*key), name)
        text = _COMMENT.sub("", self.block[after:end]).strip()
        if not text:
            top.pairs.append((node, None))
            return False
        start = self.block.index(text, after)
        if _BLOCK_SCALAR.match(self.block, start):
            top.pairs.append((node, Node("scalar", self.span(start, start + len(text)), "", recovered=True)))
            return True
        top.pairs.append((node, self.value(start, end)))
        return False

    def settle(self, indent: int, start: int) -> None:
        """Make the mapping that a key in this column belongs to the top of the stack."""
        while len(self.stack) > 1 and self.stack[-1].indent > indent:
            last = self.stack.pop()
            below = self.stack[-1]
            if last.kind == "map" and below.indent < indent:  # dented by mistake: still a sibling
                self.stack.append(last)
                return
        top = self.stack[-1]
        while len(self.stack) > 1 and top.kind == "seq" and top.indent >= indent:
            self.stack.pop()
            top = self.stack[-1]
        if top.kind == "map" and (top.indent >= indent or not top.pairs or top.pairs[-1][1] is not None):
            if not top.pairs:
                top.indent = indent
            return
        self.push(_Open(indent, "map", self.base + start))

    def scalar(self, span: Span, value: Any) -> Node:
        self.scalars.append(span)
        return Node("scalar", span, value, value if isinstance(value, str) else "", recovered=True)

    def value(self, start: int, end: int) -> Node:
        """The value written on one line: parsed on its own, with a missing bracket or quote added, or else
        taken as text.
        """
        text = _COMMENT.sub("", self.block[start:end]).rstrip()
        closers = _CLOSERS if text[:1] in ("[", "{", '"', "'") else ()
        for closer in ("", *closers):
            try:
                composed = compose(text + closer, self.base + start, self.anchors.copy())
            except Broken:
                continue
            node = composed.documents[0] if composed.documents else None
            if (
                node is not None
                and not composed.problems
                and (node.kind in ("scalar", "alias") or node.style == "flow")
            ):
                limit = self.base + start + len(text)
                self.scalars += [Span(span.start, min(span.end, limit)) for span in composed.scalars]
                return _clamped(node, limit)
            break
        return self.scalar(self.span(start, start + len(text)), text.strip("\"'"))

    def finish(self, open_: _Open | Node | None, after: int = 0) -> Node:
        """The node of a collection; a key without value gets an empty one right after its colon."""
        if isinstance(open_, Node):
            return open_
        if open_ is None:
            return Node("scalar", Span(after, after), recovered=True)
        if open_.kind == "seq":
            items = tuple(self.finish(item, open_.start + 1) for item in open_.items)
            end = max(item.span.end for item in items)
            values = [item.value for item in items]
            return Node("seq", Span(open_.start, end), values, style="block", items=items, recovered=True)
        pairs = tuple(Pair(key, self.finish(value, self.after(key))) for key, value in open_.pairs)
        plain = {pair.key.value: pair.value.value for pair in pairs}
        span = Span(pairs[0].key.span.start, max(pair.value.span.end for pair in pairs))
        return Node("map", span, plain, style="block", pairs=pairs, recovered=True)

    def after(self, key: Node) -> int:
        """The offset after a key's colon, or after the key where none is typed yet."""
        offset = key.span.end - self.base
        colon = re.compile(r"[ \t]*:").match(self.block, offset)
        return self.base + (colon.end() if colon else offset)


def _clamped(node: Node, limit: int) -> Node:
    """A copy marked as recovered that ends at `limit` at the latest."""
    return Node(
        node.kind,
        Span(min(node.span.start, limit), min(node.span.end, limit)),
        node.value,
        node.raw,
        node.style,
        tuple(Pair(_clamped(pair.key, limit), _clamped(pair.value, limit)) for pair in node.pairs),
        tuple(_clamped(item, limit) for item in node.items),
        node.anchor,
        node.target,
        recovered=True,
    )
