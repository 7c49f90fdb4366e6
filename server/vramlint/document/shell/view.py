"""The arguments of a run in a script as the tree of a document: what speaks of keys speaks of its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from vramlint.document.document import Document
from vramlint.document.node import KeyPath, Node, Pair, Span
from vramlint.lazy_dataclasses import replace


class Argument(NamedTuple):
    """A key with its value and their places: of the flag, of what decides the value, and of the word that
    brings it.
    """

    key: KeyPath
    value: Any
    flag: Span
    decided: Span
    word: Span


def view(
    document: Document, arguments: Iterable[Argument], launch: Span, values: Mapping[str, Any]
) -> Document:
    """The document with one run's arguments as its tree. The values are those of the whole run, its files
    included; the root reaches to the end of `launch` or the last argument after it, where another can be
    written.
    """
    given = list(arguments)
    ends = [
        end for each in given for end in (each.word.end, each.flag.end) if each.flag.start >= launch.start
    ]
    end = max([launch.end, *ends])
    root = _map(document.text, [(each.key, each) for each in given], Span(launch.start, end))
    return replace(document, root=replace(root, value=values), of_run=True)


def _map(text: str, items: list[tuple[KeyPath, Argument]], span: Span) -> Node:
    pairs: list[Pair] = []
    inner: dict[str, list[tuple[KeyPath, Argument]]] = {}
    for path, argument in items:
        name = str(path[0])
        if len(path) > 1:
            inner.setdefault(name, []).append((path[1:], argument))
            continue
        value = Node("scalar", argument.decided, argument.value, text[slice(*argument.decided)])
        if argument.decided != argument.word and argument.decided.end <= argument.flag.start:
            # The assignment that decides the value answers for the key as well.
            pairs.insert(0, Pair(Node("scalar", argument.decided, name, name), value))
        pairs.append(Pair(Node("scalar", argument.flag, name, name), value))
    for name, below in inner.items():
        first = below[0][1]
        node = _map(text, below, Span(first.flag.start, max(each.word.end for _, each in below)))
        pairs.append(Pair(Node("scalar", first.flag, name, name), node))
    return Node("map", span, {pair.key.value: pair.value.value for pair in pairs}, pairs=tuple(pairs))
