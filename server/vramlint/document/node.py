"""The positioned tree of a config file, the same for YAML, JSON and TOML.

Offsets are counted in code points from the start of the text; lines and UTF-16 columns come from
`lines.LineIndex`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from vramlint.lazy_dataclasses import dataclass

KeyPath: TypeAlias = tuple[str | int, ...]


class Span(NamedTuple):
    """A half-open range of code points."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One key of a mapping with its value. `merged_from`: the place of the `<<` that brought the pair in."""

    key: Node
    value: Node
    merged_from: Span | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A mapping, a sequence, a scalar, or an alias (which has its own span and points at the anchored node).

    `value` of a scalar is what the file's own reader makes of it: PyYAML (YAML 1.1) for YAML, so `1e-5`
    is a string and `no` is False; of a mapping or a sequence it is the plain dict or list. `raw` is the text
    as written, without quotes and escapes. `recovered` marks nodes read line by line inside a block that
    does not parse, and what stands for a part that is not read.
    """

    kind: Literal["map", "seq", "scalar", "alias"]
    span: Span
    value: Any = None
    raw: str = ""
    style: Literal["plain", "single", "double", "literal", "folded", "flow", "block", "table"] = "plain"
    pairs: Sequence[Pair] = ()
    items: Sequence[Node] = ()
    anchor: str | None = None
    target: Node | None = None
    recovered: bool = False
    size: int = 1
    """Nodes at and below this one, aliases counted as what they stand for."""

    def resolved(self) -> Node:
        """The node itself, or for an alias the node it stands for."""
        node = self
        while node.target is not None:
            node = node.target
        return node


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """Something the file's own reader would refuse (or, for a duplicate key, silently overwrite)."""

    span: Span
    message: str
    kind: Literal["syntax", "duplicate-key", "too-deep", "too-large", "encoding"] = "syntax"


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment with its mark (`#` or `//`). `own_line`: only white space before it."""

    span: Span
    text: str
    line: int
    own_line: bool


class Place(NamedTuple):
    """What is at an offset: the key path, and whether the offset is in the key or in the value."""

    path: KeyPath
    part: Literal["key", "value"]


def walk(node: Node, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Node]]:
    """Every node below `node` with its key path, parents first. Aliases are not entered."""
    stack: list[tuple[KeyPath, Node]] = [(path, node)]
    while stack:
        here, current = stack.pop()
        yield here, current
        if current.kind == "map":
            stack.extend(((*here, pair.key.raw), pair.value) for pair in reversed(current.pairs))
        elif current.kind == "seq":
            stack.extend(((*here, index), item) for index, item in reversed(list(enumerate(current.items))))


@dataclass(frozen=True, slots=True)
class Tree:
    """What a parser returns."""

    root: Node | None
    problems: tuple[SyntaxProblem, ...] = ()
    comments: tuple[Comment, ...] = ()
    others: tuple[Node, ...] = ()
