"""The faults that are tried: a small change of one place of a source text each.

What tells no behaviour is left alone: docstrings and other prose, annotations and decorators, `__all__`,
logging, blocks for type checkers, and the inside of f-strings, whose positions older Pythons do not know.
"""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

Family = Literal["compare", "arithmetic", "boolean", "number", "word", "return", "removed", "branch"]
FAMILIES: tuple[Family, ...] = get_args(Family)

_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_REMOVED = (ast.AugAssign, ast.Delete, ast.Continue, ast.Break, ast.Raise)
_LOGGERS = {"log", "logger", "logging"}
_TYPING = {"Literal", "cast", "TypeVar", "NewType", "Annotated"}


@dataclass(frozen=True)
class Mutant:
    """One fault: what stands in which place of a file, and what replaces it."""

    file: str
    line: int
    column: int
    """Characters before it in the line; lines count from 1."""
    end_line: int
    end_column: int
    family: Family
    before: str
    after: str
    function: tuple[int, int] | None
    """First and last line of the function around it; None: runs at import."""
    statement: tuple[int, int]
    """First and last line of the statement around it, without a body."""

    def apply(self, text: str) -> str:
        """The text with the fault; lines below keep their numbers."""
        lines = text.splitlines(keepends=True)
        first, last = lines[self.line - 1], lines[self.end_line - 1]
        gone = "\n" * (self.end_line - self.line)
        new = f"{self.after[:-1]}{gone})" if gone and self.after.endswith(")") else self.after
        if gone and not self.after.endswith(")"):
            new = f"({self.after}{gone})" if self.family != "removed" else f"{self.after}{gone}"
        joined = first[: self.column] + new + last[self.end_column :]
        return "".join([*lines[: self.line - 1], joined, *lines[self.end_line :]])


def mutants(file: str, text: str) -> list[Mutant]:
    """All faults of one file, in the order of the text."""
    finder = _Finder(file, text)
    finder.visit(ast.parse(text))
    return sorted(finder.found, key=lambda each: (each.line, each.column, each.family, each.after))


class _Finder(ast.NodeVisitor):
    def __init__(self, file: str, text: str) -> None:
        self.found: list[Mutant] = []
        self._file = file
        self._lines = text.splitlines(keepends=True)
        self._functions: list[tuple[int, int]] = []
        self._statement = (1, 1)

    def visit(self, node: ast.AST) -> None:
        """Look at a node and what is in it, unless it tells no behaviour."""
        if (
            isinstance(node, (ast.JoinedStr, ast.Import, ast.ImportFrom))
            or _for_types(node)
            or _logging(node)
        ):
            return
        if isinstance(node, ast.stmt):
            self._statement = _extent(node)
        for family, old, new in _changes(node):
            self._add(family, old, new)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self._function(node)
        else:
            for each in _children(node):
                self.visit(each)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        self._functions.append((node.body[0].lineno, node.end_lineno or node.lineno))
        for each in _without_docstring(node.body):
            self.visit(each)
        self._functions.pop()

    def _add(self, family: Family, old: ast.expr | ast.stmt, new: str) -> None:
        end_line, end_column = old.end_lineno or old.lineno, old.end_col_offset or 0
        column = len(self._lines[old.lineno - 1].encode()[: old.col_offset].decode())
        end = len(self._lines[end_line - 1].encode()[:end_column].decode())
        function = self._functions[-1] if self._functions else None
        place = (self._file, old.lineno, column, end_line, end)
        self.found.append(Mutant(*place, family, ast.unparse(old), new, function, self._statement))


def _changes(node: ast.AST) -> Iterator[tuple[Family, ast.expr | ast.stmt, str]]:
    """What is tried at a node: the family, what is replaced, and by what."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARE:
        new = copy.copy(node)
        new.ops = [_COMPARE[type(node.ops[0])](), *node.ops[1:]]
        yield "compare", node, _inside(new)
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC and not _union(node):
        yield "arithmetic", node, _inside(ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right))
    elif isinstance(node, ast.BoolOp):
        other: ast.boolop = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "boolean", node, _inside(ast.BoolOp(other, node.values))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "boolean", node, _inside(node.operand)
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield "return", node.value, "None"
    elif isinstance(node, _REMOVED) or (
        isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Yield, ast.YieldFrom, ast.Await))
    ):
        yield "removed", node, "pass"
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield "branch", node.test, f"(not {_inside(node.test)})"
    if isinstance(node, ast.comprehension):
        for test in node.ifs:
            yield "branch", test, f"(not {_inside(test)})"


def _constants(node: ast.Constant) -> Iterator[tuple[Family, ast.expr, str]]:
    value = node.value
    if isinstance(value, bool):
        yield "boolean", node, repr(not value)
    elif isinstance(value, int):
        yield "number", node, repr(value + 1)
    elif isinstance(value, float):
        yield "number", node, repr(value * 2 if value else 1.0)
    elif isinstance(value, str) and value and " " not in value and not value.isspace():
        yield "word", node, repr(f"XX{value}")


def _inside(node: ast.expr) -> str:
    return f"({ast.unparse(ast.fix_missing_locations(node))})"


def _union(node: ast.BinOp) -> bool:
    """`int | None`, which a type alias may say at run time."""
    if not isinstance(node.op, ast.BitOr):
        return False
    return any(_is_type(side) for side in (node.left, node.right))


def _is_type(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _union(node)
    name = node.value if isinstance(node, ast.Subscript) else node
    builtin = isinstance(name, ast.Name) and (name.id in vars(builtins) or name.id[:1].isupper())
    return builtin or (isinstance(node, ast.Constant) and node.value is None)


def _for_types(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return ast.unparse(node.test).endswith(("TYPE_CHECKING", "__name__ == '__main__'"))
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        alias = isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation).endswith("TypeAlias")
        return alias or (isinstance(target, ast.Name) and target.id in ("__all__", "__slots__"))
    name = (
        node.value if isinstance(node, ast.Subscript) else node.func if isinstance(node, ast.Call) else None
    )
    return isinstance(name, ast.Name) and name.id in _TYPING


def _logging(node: ast.AST) -> bool:
    """A call of a logger, or the one that gets it."""
    call = node.value if isinstance(node, (ast.Expr, ast.Assign)) else None
    if not isinstance(call, ast.Call):
        return False
    if isinstance(node, ast.Assign):
        return ast.unparse(call.func) == "logging.getLogger"
    inner: ast.expr = call.func
    while isinstance(inner, (ast.Attribute, ast.Call)):
        inner = inner.value if isinstance(inner, ast.Attribute) else inner.func
    return isinstance(inner, ast.Name) and inner.id in _LOGGERS


def _children(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.ClassDef):
        yield from _without_docstring(node.body)
    elif isinstance(node, ast.AnnAssign):
        if node.value is not None:
            yield node.value
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    else:
        yield from ast.iter_child_nodes(node)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    return [
        each for each in body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
    ]


def _extent(node: ast.stmt) -> tuple[int, int]:
    """The lines of a statement, of one with a body those of its head."""
    body = getattr(node, "body", None)
    last = body[0].lineno - 1 if isinstance(body, list) and body else node.end_lineno or node.lineno
    return node.lineno, max(node.lineno, last)
