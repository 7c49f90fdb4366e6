"""YAML that does not parse as a whole: block by block, and inside a broken block line by line.

A block begins at each line that starts a top-level key. While somebody types, one block is broken and all
others read as ever.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from functools import lru_cache
from typing import Any

import yaml

from vramlint.document.comments import comments_at, hash_spans
from vramlint.document.lines import LineIndex
from vramlint.document.node import Node, Pair, Span, SyntaxProblem, Tree
from vramlint.document.yaml.compose import Anchors, Broken, Composed, compose, printable
from vramlint.document.yaml.messages import problem_of
from vramlint.lazy_dataclasses import replace

_BLOCK_START = re.compile(r"^(?=[^\s#\-\]})])|^(?=---)|^(?=-\S)", re.MULTILINE)
_TABS_UP_TO = 50_000
"""Code points: the pure loader takes half a second for longer texts."""
_SEPARATOR = re.compile(r"(?:---|\.\.\.)(?:\s|\Z)")


def parse_yaml(text: str, lines: LineIndex) -> Tree:
    """The tree of a YAML text, recovered as far as possible where it is broken."""
    clean = text
    problems: list[SyntaxProblem] = []
    try:
        composed = compose(text)
    except Broken as broken:
        clean, problems = printable(text)
        if clean == text:
            return _recover(text, text, lines, broken.problem)
        try:
            composed = compose(clean)
        except Broken as again:
            tree = _recover(clean, text, lines, again.problem)
            return replace(tree, problems=(*problems, *tree.problems))
    spans = hash_spans(text, composed.scalars)
    filled = [node for node in composed.documents if node.value is not None or node.kind == "alias"]
    problems += composed.problems + _tabs(clean, spans)
    return Tree(
        filled[0] if filled else None,
        tuple(problems),
        comments_at(text, lines, spans),
        tuple(filled[1:]),
    )


def _tabs(text: str, comments: list[Span]) -> list[SyntaxProblem]:
    """What the pure loader, which trainers use, thinks of tabs: libyaml reads many that it refuses."""
    if "\t" not in text or len(text) > _TABS_UP_TO:
        return []
    if not any("\t" in part for part in _between(text, comments)):
        return []
    try:
        for _ in yaml.parse(text, Loader=yaml.SafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        return [problem_of(error, text, 0)]
    return []


def _between(text: str, spans: list[Span]) -> Iterator[str]:
    """The text outside of spans."""
    offset = 0
    for span in spans:
        yield text[offset : span.start]
        offset = span.end
    yield text[offset:]


def _recover(text: str, original: str, lines: LineIndex, problem: SyntaxProblem) -> Tree:
    """The tree of a text that does not parse; `original` is the same before forbidden characters went."""
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if start in ("{", "["):
        from vramlint.document.json import parse_json

        tree = parse_json(text, lines, comments_allowed=True)
        comments = comments_at(original, lines, [comment.span for comment in tree.comments])
        return replace(tree, problems=(problem,), comments=comments)
    pairs: list[Pair] = []
    problems: list[SyntaxProblem] = []
    scalars: list[Span] = []
    anchors = Anchors()
    others: list[Node] = []
    for base, block in _blocks(text):
        composed = _block(block, base, anchors)
        node = next((node for node in composed.documents if node.value is not None), None)
        problems += composed.problems
        scalars += composed.scalars
        if node is not None and node.kind == "map":
            pairs += node.pairs
        elif node is not None:
            others.append(node)
    if not any(found.kind in ("syntax", "too-deep") for found in problems):
        problems.append(problem)
    comments = comments_at(original, lines, hash_spans(text, scalars))
    root = _joined(pairs, problems) if pairs else (others[0] if others else None)
    return Tree(root, tuple(sorted(problems, key=lambda found: found.span)), comments)


def _joined(pairs: list[Pair], problems: list[SyntaxProblem]) -> Node:
    """The mapping of all blocks' pairs."""
    values: dict[Any, Any] = {}
    for pair in pairs:
        key = pair.key.value
        if not isinstance(key, Hashable):
            continue
        if pair.merged_from is not None:
            values.setdefault(key, pair.value.value)
            continue
        if key in values:
            message = f"duplicate key {pair.key.raw!r}: the last value is used"
            problems.append(SyntaxProblem(pair.key.span, message, "duplicate-key"))
        values[key] = pair.value.value
    own = [pair for pair in pairs if pair.merged_from is None]
    span = Span(own[0].key.span.start, max(pair.value.span.end for pair in own)) if own else Span(0, 0)
    return Node("map", span, values, style="block", pairs=tuple(pairs), recovered=True)


def _blocks(text: str) -> list[tuple[int, str]]:
    """The blocks with their offsets."""
    starts = [found.start() for found in _BLOCK_START.finditer(text)]
    if not starts or starts[0] > 0:
        starts.insert(0, 0)
    return [
        (start, text[start:end])
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True)
        if not _SEPARATOR.match(text, start)
    ]


def _block(block: str, base: int, anchors: Anchors) -> Composed:
    """What one block holds. Blocks that neither set nor use an anchor come from the cache."""
    if "&" in block or "*" in block:
        return _read_block(block, base, anchors)
    cached = _cached_block(block)
    return Composed(
        [_shifted(node, base) for node in cached.documents],
        [replace(problem, span=_moved(problem.span, base)) for problem in cached.problems],
        [_moved(span, base) for span in cached.scalars],
    )


@lru_cache(maxsize=2048)
def _cached_block(block: str) -> Composed:
    return _read_block(block, 0, Anchors())


def _read_block(block: str, base: int, anchors: Anchors) -> Composed:
    from vramlint.document.yaml.line_reader import read_lines  # late: most texts parse

    try:
        composed = compose(block, base, anchors)
        if all(node.kind == "map" or node.value is None for node in composed.documents):
            return composed
        if all(node.kind == "seq" for node in composed.documents) and len(composed.documents) == 1:
            return composed
    except Broken as broken:
        return read_lines(block, base, anchors, broken.problem)
    return read_lines(block, base, anchors, None)


def _moved(span: Span, delta: int) -> Span:
    return Span(span.start + delta, span.end + delta)


def _shifted(node: Node, delta: int) -> Node:
    """The same tree further down in the text. Nesting is capped, so recursion is safe."""
    if not delta:
        return node
    return Node(
        node.kind,
        Span(node.span.start + delta, node.span.end + delta),
        node.value,
        node.raw,
        node.style,
        tuple([Pair(_shifted(pair.key, delta), _shifted(pair.value, delta)) for pair in node.pairs]),
        tuple([_shifted(item, delta) for item in node.items]),
        recovered=node.recovered,
        size=node.size,
    )
