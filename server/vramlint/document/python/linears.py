"""Functions that collect the names of all linear layers, as scripts do for an adapter's targets."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence

EVERY = "all-linear"
"""PEFT's word for the linear layers without the head (tuners/tuners_utils.py of peft 0.21.2)."""
_QUANTIZED = frozenset(("Linear4bit", "Linear8bitLt"))
"""Classes of bitsandbytes, which a model's head is not of (integrations/bitsandbytes.py of transformers)."""
_CLASSES = _QUANTIZED | {"Linear"}


def collects_linears(function: ast.AST, walk: Callable[[ast.AST], Iterator[ast.AST]]) -> bool:
    """Whether a function goes through `named_modules()` and keeps the last part of each linear layer's name,
    without the head: it takes it out by its name, or looks for quantized layers alone.
    """
    if not isinstance(function, ast.FunctionDef) or not isinstance(function.body[-1], ast.Return):
        return False
    loops = [each for each in function.body if isinstance(each, ast.For) and _goes_through(each)]
    match loops:
        case [ast.For(target=ast.Tuple(elts=[_, ast.Name(id=module)]), body=[ast.If() as chosen], orelse=[])]:
            pass
        case _:
            return False
    if chosen.orelse or any(
        isinstance(each, ast.If | ast.Continue | ast.Break)
        for statement in chosen.body
        for each in walk(statement)
    ):
        return False
    match chosen.test:
        case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), kinds]) if name == module:
            nodes = list(walk(function))
            classes = set(_classes(kinds, nodes))
        case _:
            return False
    removed = any(isinstance(each, ast.Constant) and each.value == "lm_head" for each in nodes)
    return bool(classes) and classes <= _CLASSES and (removed or classes <= _QUANTIZED)


def _goes_through(loop: ast.For) -> bool:
    called = loop.iter.func if isinstance(loop.iter, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr == "named_modules"


def _classes(kinds: ast.expr, nodes: Sequence[ast.AST]) -> Iterator[str]:
    """The classes that an expression names, through names that the function gives it."""
    given: dict[str, list[ast.expr]] = {}
    for each in nodes:
        if isinstance(each, ast.Assign):
            for target in each.targets:
                if isinstance(target, ast.Name):
                    given.setdefault(target.id, []).append(each.value)
    waiting = [kinds]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, ast.Name):
            waiting += given.pop(kind.id, [])
            continue
        for each in ast.walk(kind):
            if isinstance(each, ast.Attribute) and each.attr[:1].isupper():
                yield each.attr
