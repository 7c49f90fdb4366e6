"""A tree further down in the text than it was read. What is below a node is moved when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, overload

from vramlint.document.node import Node, Pair, Span, SyntaxProblem
from vramlint.lazy_dataclasses import replace

T = TypeVar("T")


class _Moved(Sequence[T]):
    """Parts of a node, each moved once, when the first of them is asked for."""

    __slots__ = ("_delta", "_made", "_move", "_parts")

    def __init__(self, parts: Sequence[T], move: Callable[[T, int], T], delta: int) -> None:
        self._parts, self._move, self._delta = parts, move, delta
        self._made: tuple[T, ...] | None = None

    def _all(self) -> tuple[T, ...]:
        if self._made is None:
            self._made = tuple([self._move(part, self._delta) for part in self._parts])
        return self._made

    def __len__(self) -> int:
        return len(self._parts)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self._all()[index]

    def __iter__(self) -> Iterator[T]:
        return iter(self._all())


def moved(node: Node, delta: int) -> Node:
    """The node `delta` code points further down. It has neither anchors nor aliases in it."""
    return Node(
        node.kind,
        moved_span(node.span, delta),
        node.value,
        node.raw,
        node.style,
        _Moved(node.pairs, _moved_pair, delta) if node.pairs else (),
        _Moved(node.items, moved, delta) if node.items else (),
        recovered=node.recovered,
        size=node.size,
    )


def moved_span(span: Span, delta: int) -> Span:
    """The span `delta` code points further down."""
    return Span(span.start + delta, span.end + delta)


def moved_problem(problem: SyntaxProblem, delta: int) -> SyntaxProblem:
    """The problem `delta` code points further down."""
    return replace(problem, span=moved_span(problem.span, delta))


def _moved_pair(pair: Pair, delta: int) -> Pair:
    merged = pair.merged_from
    return Pair(moved(pair.key, delta), moved(pair.value, delta), merged and moved_span(merged, delta))
