"""What a loop of a script says of its micro batches: how many backward passes come to a step."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

Walk: TypeAlias = Callable[[ast.AST], Iterator[ast.AST]]


def divisor(node: ast.AST, walk: Walk) -> ast.expr | None:
    """N of `if step % N == 0: optimizer.step()`, or of `if step % N: continue`; `walk` goes down a node."""
    if not isinstance(node, ast.If):
        return None
    inside = (each for each in walk(node.test) if isinstance(each, ast.BinOp))
    found = next((each.right for each in inside if isinstance(each.op, ast.Mod)), None)
    if found is None:
        return None
    goes_on = any(isinstance(each, ast.Continue) for each in node.body)
    return found if goes_on or _calls(node.body, "step", walk) else None


def repeated(node: ast.AST, walk: Walk) -> ast.expr | None:
    """What a loop goes over that has a backward pass and no step of an optimizer: `for _ in range(N)`."""
    if not isinstance(node, ast.For | ast.AsyncFor) or not _calls(node.body, "backward", walk):
        return None
    if _calls(node.body, "step", walk) or any(isinstance(each, ast.Return) for each in node.body):
        return None
    loops = (each for each in _all(node.body, walk) if isinstance(each, ast.For))
    return None if any(_calls(each.body, "backward", walk) for each in loops) else node.iter


def _calls(body: Sequence[ast.stmt], name: str, walk: Walk) -> bool:
    """Whether a method of that name is called; a scheduler's step is no step."""
    return any(
        isinstance(each, ast.Call)
        and isinstance(each.func, ast.Attribute)
        and each.func.attr == name
        and not any("sched" in said.lower() for part in walk(each.func.value) for said in _names(part))
        for each in _all(body, walk)
    )


def _names(node: ast.AST) -> Iterator[str]:
    """The words that a node says itself."""
    for each in ("id", "attr", "arg", "value"):
        said = getattr(node, each, None)
        if isinstance(said, str):
            yield said


def _all(body: Sequence[ast.stmt], walk: Walk) -> Iterator[ast.AST]:
    for statement in body:
        yield from walk(statement)
