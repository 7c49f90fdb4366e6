"""Which way a script goes, as far as its text says."""

from __future__ import annotations

import ast
from collections.abc import Sequence


def leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether a way ends the whole run: it raises or exits."""
    last = body[-1] if body else None
    if isinstance(last, ast.Raise):
        return True
    called = last.value.func if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) else None
    name = ast.unparse(called) if called is not None else ""
    return name in ("sys.exit", "exit", "quit", "os._exit") or name.endswith("parser.error")


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
