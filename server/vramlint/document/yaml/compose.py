"""YAML: libyaml's events become our tree, without recursion.

Events rather than PyYAML's nodes, because they carry the place of an alias, survive any nesting, and
allow what composing refuses (an anchor
defined twice, several documents).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

import yaml

from vramlint.document.node import Node, Pair, Span, SyntaxProblem
from vramlint.document.yaml.messages import problem_of
from vramlint.document.yaml.scalars import (
    MERGE_TAG,
    VALUE_TAG,
    CannotConstruct,
    collection_value,
    implicit_tag,
    plain_value,
    tagged_value,
)
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.patterns import pattern

MAX_DEPTH = 200
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C loader where PyYAML has it: ten times the speed of the pure one."""
PURE_UP_TO = 50_000
"""Code points: the pure loader takes half a second for longer texts."""
_ONLY_IN_C = "found unexpected ':'"

_STYLES: dict[str | None, Any] = {"'": "single", '"': "double", "|": "literal", ">": "folded"}
_PROPERTIES = pattern(r"(?:[&!]\S*(?:[ \t\r\n]+|$)|#[^\r\n]*[\r\n]+|[ \t\r\n]+)+")
_TEMPLATE = pattern(r"\{\{.*\}\}\Z", re.DOTALL)
_BREAK = r"[\r\n\x85\u2028\u2029]"
_DIRECTIVES = pattern(rf"\A(?:%[A-Za-z0-9_-]+(?: [^\r\n\x85\u2028\u2029]*)?{_BREAK}+)+(?=---)")
_UNKNOWN_DIRECTIVE = pattern(rf"(\A|{_BREAK})%(?!(?:YAML|TAG)[ \r\n])")
_UNPRINTABLE = yaml.reader.Reader.NON_PRINTABLE


class Broken(Exception):
    """The text is not YAML; `problem` says where."""

    def __init__(self, problem: SyntaxProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


MOST_EXPANDED = 100_000
"""Nodes that the aliases and merges of one text may stand for. Past that a few hundred bytes can mean more
values than any memory holds ("billion laughs"); what comes later is left out.
"""


class Anchors(dict[str, Node]):
    """The anchored nodes of one text, and how many nodes its aliases and merges have expanded to."""

    expanded: int = 0

    def copy(self) -> Anchors:
        """The same nodes and count, to try something with."""
        other = Anchors(self)
        other.expanded = self.expanded
        return other

    def take(self, other: Anchors) -> None:
        """Add what another one holds, which was copied from this one."""
        self.update(other)
        self.expanded = other.expanded


@dataclass(slots=True)
class Composed:
    """The documents of one text, what is wrong with them, and the spans of all scalars in text order."""

    documents: list[Node]
    problems: list[SyntaxProblem]
    scalars: list[Span]


@dataclass(slots=True)
class _Frame:
    """A collection that is still open."""

    kind: str
    start: int
    event: Any
    children: list[Node] = field(default_factory=list)


def printable(text: str) -> tuple[str, list[SyntaxProblem]]:
    """The text with the characters YAML forbids replaced one for one, and a problem at the first of them."""
    found = _UNPRINTABLE.search(text)
    if found is None:
        return text, []
    message = f"the character U+{ord(found.group()):04X} is not allowed in YAML: remove it"
    return _UNPRINTABLE.sub("\ufffd", text), [SyntaxProblem(Span(*found.span()), message, "encoding")]


def without_directives(text: str) -> str:
    """The text with the directives in its head that YAML says to ignore as comments: libyaml refuses them,
    and the pure loader, which trainers use, does not.
    """
    head = _DIRECTIVES.match(text)
    return text if head is None else _UNKNOWN_DIRECTIVE.sub(r"\1#", head[0]) + text[head.end() :]


def compose(text: str, base: int = 0, anchors: Anchors | None = None, depth: int = 0) -> Composed:
    """The documents in `text`, whose offsets are to start at `base`. Raises Broken at the first syntax error.

    `anchors` are those that are known already; new ones are added. `depth`: collections around the text.
    """
    text, base = _unmarked(text, base)
    return _Composer(text, base, Anchors() if anchors is None else anchors, depth).run()


def scan(text: str, base: int) -> None:
    """Raise Broken at the first syntax error, as `compose` does, in half the time."""
    depth = 0
    for event in _events(*_unmarked(text, base)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:  # `compose` knows what to do
                return
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _unmarked(text: str, base: int) -> tuple[str, int]:
    """The text without its byte order mark, which libyaml does not count."""
    return (text[1:], base + 1) if text.startswith("\ufeff") else (text, base)


def assembled(
    kind: Literal["map", "seq"], start: int, children: list[Node], text: str, base: int
) -> Composed:
    """A block collection of nodes that are there already: keys and values by turns, or items. `start`: where
    it begins in the text that `base` is the offset of.
    """
    composer = _Composer(text, base, Anchors(), 0)
    event = (yaml.MappingStartEvent if kind == "map" else yaml.SequenceStartEvent)(
        None, None, True, flow_style=False
    )
    composer.stack.append(_Frame(kind, start - base, event, children))
    composer.close(event)
    return composer.out


def _events(text: str, base: int) -> Iterator[Any]:
    """The loader's events; its errors as Broken."""
    try:
        yield from _read_by_either(text)
    except yaml.MarkedYAMLError as error:
        raise Broken(problem_of(error, text, base)) from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise Broken(SyntaxProblem(Span(base, base), f"not readable as YAML: {error}")) from None


def _read_by_either(text: str) -> Iterator[Any]:
    """The events of the C loader, where it stops at a colon those of the pure one: of the two only that one,
    which trainers use, ends the word of `[q b:, k]` there (scanner.py and scanner.c, `scan_plain`).
    """
    passed = 0
    try:
        for event in yaml.parse(text, Loader=LOADER):
            yield event
            passed += 1
    except yaml.scanner.ScannerError as error:
        if error.problem != _ONLY_IN_C or len(text) > PURE_UP_TO:
            raise
        yield from islice(yaml.parse(text, Loader=yaml.SafeLoader), passed, None)


class _Composer:
    """One pass over the events of a text."""

    def __init__(self, text: str, base: int, anchors: Anchors, depth: int) -> None:
        self.text = text
        self.base = base
        self.depth = depth
        self.anchors = anchors
        self.stack: list[_Frame] = []
        self.out = Composed([], [], [])
        self.too_deep = 0

    def run(self) -> Composed:
        handlers = {
            yaml.ScalarEvent: self.scalar,
            yaml.AliasEvent: self.alias,
            yaml.MappingStartEvent: self.open,
            yaml.SequenceStartEvent: self.open,
            yaml.MappingEndEvent: self.close,
            yaml.SequenceEndEvent: self.close,
        }
        for event in _events(self.text, self.base):
            handler: Any = handlers.get(type(event))
            if handler is not None:
                handler(event)
        return self.out

    def complain(self, span: Span, message: str, kind: Any = "syntax") -> None:
        self.out.problems.append(SyntaxProblem(span, message, kind))

    def content_start(self, event: Any) -> int:
        """Where the node begins, after its anchor and tag, in the text."""
        start: int = event.start_mark.index
        found = (
            _PROPERTIES.match(self.text, start) if event.anchor is not None or event.tag is not None else None
        )
        return found.end() if found else start

    def expand(self, span: Span, nodes: int) -> bool:
        """Count nodes that an alias or a merge stands for; False where they are too many, said once."""
        before, self.anchors.expanded = self.anchors.expanded, self.anchors.expanded + nodes
        if self.anchors.expanded <= MOST_EXPANDED:
            return True
        if before <= MOST_EXPANDED:
            message = f"aliases expand to more than {MOST_EXPANDED:,} values; the rest is not read"
            self.complain(span, message, "too-large")
        return False

    def add(self, node: Node) -> None:
        """Put a finished node where it belongs."""
        if node.anchor is not None and node.kind != "alias":
            if node.anchor in self.anchors:
                self.complain(
                    node.span, f"the anchor &{node.anchor} is defined twice, which PyYAML refuses: rename one"
                )
            self.anchors[node.anchor] = node
        if self.stack:
            self.stack[-1].children.append(node)
        else:
            self.out.documents.append(node)

    def scalar(self, event: Any) -> None:
        if self.too_deep:
            return
        raw, tag = event.value, event.tag
        end = event.end_mark.index
        span = Span(self.base + min(self.content_start(event), end), self.base + end)
        style = _STYLES.get(event.style, "plain")
        value: Any = raw
        try:
            if tag is not None and tag != "!":
                value = tagged_value(tag, raw)
            elif event.implicit[0]:
                value = plain_value(raw)
        except CannotConstruct as error:
            if not (self.at_key() and implicit_tag(raw) in (MERGE_TAG, VALUE_TAG)):
                self.complain(span, str(error))
        if span.end > span.start:
            self.out.scalars.append(span)
        self.add(Node("scalar", span, value, raw, style, anchor=event.anchor))

    def at_key(self) -> bool:
        """Whether the next node is a key."""
        return bool(self.stack) and self.stack[-1].kind == "map" and len(self.stack[-1].children) % 2 == 0

    def alias(self, event: Any) -> None:
        if self.too_deep:
            return
        span = Span(self.base + event.start_mark.index, self.base + event.end_mark.index)
        target = self.anchors.get(event.anchor)
        if target is None:
            inside = any(frame.event.anchor == event.anchor for frame in self.stack)
            why = "is inside its own anchor" if inside else "has no anchor before it"
            self.complain(span, f"the alias *{event.anchor} {why}")
        elif not self.expand(span, target.size):
            self.add(Node("scalar", span, None, f"*{event.anchor}", recovered=True))
            return
        value, size = (None, 1) if target is None else (target.value, target.size)
        raw = f"*{event.anchor}"
        self.add(Node("alias", span, value, raw, anchor=event.anchor, target=target, size=size))

    def open(self, event: Any) -> None:
        if self.too_deep or self.depth + len(self.stack) >= MAX_DEPTH:
            at = self.base + event.start_mark.index
            problem = SyntaxProblem(Span(at, at + 1), f"nested deeper than {MAX_DEPTH} levels", "too-deep")
            if self.too_deep > 4 * MAX_DEPTH:  # libyaml's time grows with the square of the depth
                raise Broken(problem)
            if not self.too_deep:
                self.out.problems.append(problem)
                self.add(Node("scalar", Span(at, at), recovered=True))
            self.too_deep += 1
            return
        kind = "map" if isinstance(event, yaml.MappingStartEvent) else "seq"
        self.stack.append(_Frame(kind, self.content_start(event), event))

    def close(self, event: Any) -> None:
        if self.too_deep:
            self.too_deep -= 1
            return
        frame = self.stack.pop()
        span = self.collection_span(frame, event)
        node = self.mapping(frame, span) if frame.kind == "map" else self.sequence(frame, span)
        self.add(node)

    def collection_span(self, frame: _Frame, event: Any) -> Span:
        """From the first to after the last character; a block collection ends with its last child, not
        before the next token.
        """
        if frame.event.flow_style:
            return Span(self.base + frame.start, self.base + event.end_mark.index)
        start = self.base + frame.start
        end = max((child.span.end for child in frame.children), default=start)
        return Span(start, max(start, end))

    def sequence(self, frame: _Frame, span: Span) -> Node:
        items = tuple(frame.children)
        value = self.collection(frame, span, [item.value for item in items], {})
        size = 1 + sum(item.size for item in items)
        return Node("seq", span, value, style=_flow(frame), items=items, anchor=frame.event.anchor, size=size)

    def collection(self, frame: _Frame, span: Span, items: list[Any], mapping: dict[Any, Any]) -> Any:
        try:
            return collection_value(frame.event.tag, frame.kind, items, mapping)
        except CannotConstruct as error:
            self.complain(Span(span.start, span.start + 1), str(error))
            return items if frame.kind == "seq" else mapping

    def mapping(self, frame: _Frame, span: Span) -> Node:
        merged: dict[Any, Pair] = {}
        own: list[Pair] = []
        for key, value in zip(frame.children[::2], frame.children[1::2], strict=True):
            if key.kind == "scalar" and key.style == "plain" and key.raw == "<<":
                self.merge(key, value, merged)
            else:
                own.append(Pair(key, value))
        text = self.text[span.start - self.base : span.end - self.base]
        if len(own) == 1 and own[0].key.kind == "map" and _TEMPLATE.match(text):
            self.complain(span, f"{text} reads as a mapping in a mapping: fill the template in or quote it")
            return Node("scalar", span, text, text, anchor=frame.event.anchor, recovered=True)
        values = self.plain(own)
        pairs = (*(pair for key, pair in merged.items() if key not in values), *own)
        values = {**{key: pair.value.value for key, pair in merged.items()}, **values}
        value = self.collection(frame, span, [], values)
        size = 1 + sum(pair.value.size for pair in pairs)
        return Node("map", span, value, style=_flow(frame), pairs=pairs, anchor=frame.event.anchor, size=size)

    def plain(self, pairs: list[Pair]) -> dict[Any, Any]:
        """The plain mapping of a mapping's own pairs; complains about keys that come twice and keys that no
        dict can hold.
        """
        values: dict[Any, Any] = {}
        for pair in pairs:
            key = pair.key.value
            try:
                if key in values:
                    message = f"duplicate key {pair.key.raw!r}: the last value is used"
                    self.complain(pair.key.span, message, "duplicate-key")
                values[key] = pair.value.value
            except TypeError:
                self.complain(pair.key.span, "a mapping or a list cannot be a key")
        return values

    def merge(self, key: Node, value: Node, merged: dict[Any, Pair]) -> None:
        """Take over the pairs that a `<<` names; of several mappings in its list the first wins, of several
        `<<` the last.
        """
        source = value.resolved()
        sources = [item.resolved() for item in source.items] if source.kind == "seq" else [source]
        if any(item.kind != "map" and not item.recovered for item in sources):
            self.complain(value.span, "'<<' wants a mapping or a list of mappings")
        for item in reversed(sources):
            if not self.expand(value.span, item.size):
                return
            for pair in item.pairs:
                if isinstance(pair.key.value, (str, int, float, bool, type(None))):
                    merged[pair.key.value] = Pair(pair.key, pair.value, key.span)


def _flow(frame: _Frame) -> Any:
    return "flow" if frame.event.flow_style else "block"
