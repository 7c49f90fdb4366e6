"""Comprehensions: lists and dictionaries made of others, element by element."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

from vramlint.document.place import Place
from vramlint.document.python.operations import truth
from vramlint.document.python.values import Items, Known, Open, Scope, Table, Value, Word

Read: TypeAlias = Callable[[ast.expr, Scope], Value]
"""What an expression is worth with some names."""
Loops: TypeAlias = Sequence[ast.comprehension]

_MOST = 256
"""Elements of one comprehension."""


class _Unknown(Exception):
    """What a comprehension comes to is not known."""


def items(each: ast.expr, loops: Loops, scope: Scope, read: Read, place: Place) -> Value:
    """A list, a set or a generator."""
    try:
        return Items([read(each, inner) for inner in _rounds(loops, scope, read, place)], place)
    except _Unknown as why:
        return Open(str(why), place)


def table(
    node: ast.DictComp, scope: Scope, read: Read, locate: Callable[[ast.AST], Place], place: Place
) -> Table:
    """A dictionary; one of which not every key is known holds more than is known."""
    found = Table({}, place)
    try:
        for inner in _rounds(node.generators, scope, read, place):
            name, value = read(node.key, inner), read(node.value, inner)
            if isinstance(name, Known):
                found.entries[str(name.value)] = value
                found.words[str(name.value)] = Word(locate(node.key), locate(node.value))
            else:
                found.whole = False
    except _Unknown:
        found.whole = False
    return found


def _rounds(loops: Loops, scope: Scope, read: Read, place: Place, count: int = 0) -> Iterator[Scope]:
    """The names of each round in which all conditions hold."""
    if not loops:
        yield scope
        return
    first, *others = loops
    for value in elements(read(first.iter, scope)):
        count += 1
        if count > _MOST:
            raise _Unknown("too long to follow")
        inner = Scope({}, scope)
        _bind(first.target, value, inner, place)
        if all(_said(read(test, inner)) for test in first.ifs):
            yield from _rounds(others, inner, read, place, count)


def elements(value: Value) -> Sequence[Value]:
    """What a loop goes through."""
    if isinstance(value, Items) and value.whole:
        return value.items
    if isinstance(value, Table) and value.whole:
        return [Known(key, value.place) for key in islice(value.entries, _MOST + 1)]
    raise _Unknown(value.why if isinstance(value, Open) else "made of something that only the run knows")


def _said(test: Value) -> bool:
    said = truth(test)
    if said is None:
        raise _Unknown(test.why if isinstance(test, Open) else "chosen by something that only the run knows")
    return said


def _bind(target: ast.expr, value: Value, scope: Scope, place: Place) -> None:
    match target:
        case ast.Name(id=name):
            scope.names[name] = value
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            same = isinstance(value, Items) and len(value.items) == len(parts)
            for index, part in enumerate(parts):
                whole = value.items[index] if same and isinstance(value, Items) else None
                _bind(part, whole or Open("a part of something that only the run knows", place), scope, place)
