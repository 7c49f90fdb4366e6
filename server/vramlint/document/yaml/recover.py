"""YAML that does not parse as a whole: block by block, and inside a broken block line by line.

A block begins at each line that starts a top-level key. While somebody types, one block is broken and all
others read as ever.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import yaml

from vramlint.document.comments import comments_at
from vramlint.document.lines import LineIndex
from vramlint.document.node import Node, Pair, Span, SyntaxProblem, Tree
from vramlint.document.yaml.compose import PURE_UP_TO, Anchors, Broken, printable, without_directives
from vramlint.document.yaml.messages import problem_of
from vramlint.document.yaml.pieces import Pieces, blocks, is_separator, read_piece
from vramlint.lazy_dataclasses import replace

_KEPT = 8
"""Times the length of a text that is kept of its earlier versions."""


def parse_yaml(text: str, lines: LineIndex, pieces: Pieces | None = None) -> Tree:
    """The tree of a YAML text, recovered as far as possible where it is broken.

    `pieces`: what an earlier version of the text held.
    """
    clean = text
    problems: list[SyntaxProblem] = []
    known = pieces or Pieces()
    known.forget(_KEPT * len(text))
    try:
        whole = (pieces and pieces.whole(text)) or read_piece(text)
    except Broken as broken:
        clean, problems = printable(without_directives(text))
        if clean == text:
            return _recover(text, text, lines, broken.problem, known)
        try:
            whole = read_piece(clean)
        except Broken as again:
            tree = _recover(clean, text, lines, again.problem, known)
            return replace(tree, problems=(*problems, *tree.problems))
    filled = [node for node in whole.documents if node.value is not None or node.kind == "alias"]
    return Tree(
        filled[0] if filled else None,
        (*problems, *whole.problems, *_tabs(clean, whole.comments)),
        comments_at(text, lines, whole.comments),
        tuple(filled[1:]),
    )


def _tabs(text: str, comments: Sequence[Span]) -> list[SyntaxProblem]:
    """What the pure loader, which trainers use, thinks of tabs: libyaml reads many that it refuses."""
    if "\t" not in text or len(text) > PURE_UP_TO:
        return []
    if not any("\t" in part for part in _between(text, comments)):
        return []
    try:
        for _ in yaml.parse(text, Loader=yaml.SafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        return [problem_of(error, text, 0)]
    return []


def _between(text: str, spans: Sequence[Span]) -> Iterator[str]:
    """The text outside of spans."""
    offset = 0
    for span in spans:
        yield text[offset : span.start]
        offset = span.end
    yield text[offset:]


def _recover(text: str, original: str, lines: LineIndex, problem: SyntaxProblem, known: Pieces) -> Tree:
    """The tree of a text that does not parse; `original` is the same before forbidden characters went."""
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if start in ("{", "["):
        from vramlint.document.json import parse_json

        tree = parse_json(text, lines, comments_allowed=True)
        comments = comments_at(original, lines, [comment.span for comment in tree.comments])
        return replace(tree, problems=(problem,), comments=comments)
    pairs: list[Pair] = []
    problems: list[SyntaxProblem] = []
    spans: list[Span] = []
    anchors = Anchors()
    others: list[Node] = []
    for base, block in blocks(text):
        if is_separator(block):
            continue
        piece = known.block(block, base, anchors)
        node = next((node for node in piece.documents if node.value is not None), None)
        problems += piece.problems
        spans += piece.comments
        if node is not None and node.kind == "map":
            pairs += node.pairs
        elif node is not None:
            others.append(node)
    if not any(found.kind in ("syntax", "too-deep") for found in problems):
        problems.append(problem)
    comments = comments_at(original, lines, spans)
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
