"""What a script defines: imported names, classes with their fields, functions that something else starts."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from vramlint.document.place import Place
from vramlint.document.python import calls
from vramlint.document.python.cells import Cell
from vramlint.document.python.expressions import evaluate
from vramlint.document.python.values import (
    Class,
    Evaluation,
    Function,
    Given,
    Made,
    Open,
    Scope,
    Symbol,
    Value,
    handed,
)
from vramlint.document.python.work import copied


def bring_in(node: ast.Import | ast.ImportFrom, scope: Scope, place: Place) -> None:
    """Bind what an import brings."""
    if isinstance(node, ast.Import):
        for name in node.names:
            own = name.asname or name.name.partition(".")[0]
            scope.names[own] = Symbol(name.name if name.asname else own, place)
        return
    above = [*_package(place, node.level), *([node.module] if node.module else [])]
    for name in node.names:
        scope.names[name.asname or name.name] = Symbol(".".join((*above, name.name)), place)


def _package(place: Place, level: int) -> list[str]:
    """The package that a relative import starts from, in a module of the project."""
    folders = (place.document or "").replace("\\", "/").split("/")[:-1]
    return folders[: len(folders) - level + 1] if level else []


def class_of(node: ast.ClassDef, scope: Scope, run: Evaluation) -> Class:
    """A class with what it inherits from those that the script defines."""
    bases = [evaluate(base, scope, run) for base in node.bases]
    found = Class(node.name, "", {}, {}, (), run.locate(node))
    for base in reversed(bases):
        if isinstance(base, Symbol):
            found.base = base.name
        elif isinstance(base, Class):
            found.base = base.base or found.base
            found.defaults |= base.defaults
            found.functions |= base.functions
            found.fields = (*base.fields, *found.fields)
            found.nested |= base.nested
    own = Scope({}, scope)
    fields: list[str] = []
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            found.functions[statement.name] = Function(statement, scope, run.here)
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            fields.append(statement.target.id)
            kind = evaluate(statement.annotation, scope, run)
            if isinstance(kind, Class):
                found.nested[statement.target.id] = kind
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            run.statement(statement, own)
    found.fields = (*found.fields, *fields)
    run.spend(copied(len(found.defaults) + len(found.functions) + len(found.fields)))
    found.defaults |= {name: _default(value, run) for name, value in own.names.items()}
    return found


def _default(value: Value, run: Evaluation) -> Value:
    """The default of a field of a dataclass."""
    if isinstance(value, Made) and value.kind in ("field", "Field"):
        default = value.argument("default", 0 if value.kind == "Field" else None)
        factory = value.argument("default_factory")
        if default is None and factory is not None:
            default = calls.call(factory, Given([], {}), value.place, run)
        return handed(default, "declared-default") if default is not None else Open("no default", value.place)
    return handed(value, "declared-default")


def entries(cells: Sequence[Cell]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions that something outside starts: those under a decorator, and `main`, if nothing here uses
    them.
    """
    names = (node for cell in cells for node in cell.nodes if isinstance(node, ast.Name))
    used = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    for node in (node for cell in cells if cell.tree is not None for node in cell.tree.body):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name in used:
            continue
        if node.decorator_list or node.name == "main":
            yield node
