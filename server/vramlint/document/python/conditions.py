"""Which way a script goes, as far as its text says."""

from __future__ import annotations

import ast
from collections.abc import Sequence


def leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether a way ends the whole run: it raises or exits, and not with what `main()` returns."""
    last = body[-1] if body else None
    if isinstance(last, ast.Raise):
        return not _returned(last.exc)
    if isinstance(last, ast.Expr) and _returned(last.value):
        return False
    called = last.value.func if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) else None
    name = dotted(called)
    return name in ("sys.exit", "exit", "quit", "os._exit") or name.endswith("parser.error")


def dotted(node: ast.AST | None) -> str:
    """A name with its attributes; of an attribute of anything else, the last parts from a dot on."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id if isinstance(node, ast.Name) else "", *reversed(parts)))


def _returned(node: ast.expr | None) -> bool:
    """Whether a call is given what another one returns: `sys.exit(main())`, `SystemExit(main())`."""
    first = node.args[0] if isinstance(node, ast.Call) and node.args else None
    inner = first.func if isinstance(first, ast.Call) else None
    return isinstance(inner, ast.Name) and inner.id not in ("str", "repr")


def fits(pattern: ast.pattern, value: object) -> bool:
    """Whether a value matches the pattern of a `case`; one that takes values apart never does."""
    match pattern:
        case ast.MatchValue(value=ast.Constant(value=wanted)):
            return bool(wanted == value)
        case ast.MatchSingleton(value=wanted):
            return wanted is value
        case ast.MatchOr(patterns=patterns):
            return any(fits(each, value) for each in patterns)
        case ast.MatchAs(pattern=inner):
            return inner is None or fits(inner, value)
    return False
