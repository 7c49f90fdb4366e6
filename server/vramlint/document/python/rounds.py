"""What a loop of a script says of its micro batches: how many backward passes come to a step."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence


def divisor(node: ast.If) -> ast.expr | None:
    """N of `if step % N == 0: optimizer.step()`, or of `if step % N: continue`."""
    inside = (each for each in ast.walk(node.test) if isinstance(each, ast.BinOp))
    found = next((each.right for each in inside if isinstance(each.op, ast.Mod)), None)
    if found is None:
        return None
    goes_on = any(isinstance(each, ast.Continue) for each in node.body)
    return found if goes_on or calls(node.body, "step") else None


def repeated(node: ast.For | ast.AsyncFor) -> ast.expr | None:
    """What a loop goes over that has a backward pass and no step of an optimizer: `for _ in range(N)`."""
    if not calls(node.body, "backward") or calls(node.body, "step") or _leaves(node.body):
        return None
    inner = any(isinstance(each, ast.For) and calls(each.body, "backward") for each in _all(node.body))
    return None if inner else node.iter


def calls(body: Sequence[ast.stmt], name: str) -> bool:
    """Whether a method of that name is called; a scheduler's step is no step."""
    return any(
        isinstance(each, ast.Call)
        and isinstance(each.func, ast.Attribute)
        and each.func.attr == name
        and "sched" not in ast.unparse(each.func.value).lower()
        for each in _all(body)
    )


def _leaves(body: Sequence[ast.stmt]) -> bool:
    return any(isinstance(each, ast.Return) for each in body)


def _all(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    for statement in body:
        yield from ast.walk(statement)
