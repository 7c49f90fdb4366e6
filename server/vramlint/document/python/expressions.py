"""What an expression is worth: literals, names, attributes, containers, operators; calls go to `calls`."""

from __future__ import annotations

import ast
from functools import partial

from vramlint.document.place import How, Place
from vramlint.document.python import comprehensions, paths
from vramlint.document.python.merging import merged
from vramlint.document.python.methods import decorated
from vramlint.document.python.operations import binary, compared, truth, unary
from vramlint.document.python.values import (
    COMMAND_LINE,
    ENVIRONMENT,
    Bound,
    Class,
    Evaluation,
    Function,
    Items,
    Known,
    Made,
    Open,
    Scope,
    Symbol,
    Table,
    Value,
    Word,
    is_long,
    parts,
)
from vramlint.document.python.work import DEEPEST, LONGEST, TOO_DEEP, TOO_LONG, copied


def evaluate(node: ast.expr, scope: Scope, run: Evaluation) -> Value:
    """The worth of an expression."""
    place = run.locate(node)
    run.spend()
    nested = run.nested
    if nested >= DEEPEST:
        return Open(TOO_DEEP, place)
    run.nested = nested + 1
    try:
        return _worth(node, scope, run, place)
    finally:
        run.nested = nested


def _worth(node: ast.expr, scope: Scope, run: Evaluation, place: Place) -> Value:
    match node:
        case ast.Constant(value=value):
            return Known(value, place)
        case ast.Name(id=name):
            return brought(_name(name, scope, place), run)
        case ast.Attribute(value=inner, attr=name):
            return brought(attribute(evaluate(inner, scope, run), name, place), run)
        case ast.Call():
            return run.call(node, scope)
        case ast.List(elts=inner) | ast.Tuple(elts=inner) | ast.Set(elts=inner):
            return _items(inner, scope, run, place)
        case ast.Dict():
            return _table(node, scope, run, place)
        case ast.Subscript(value=inner, slice=key):
            owner, index = evaluate(inner, scope, run), evaluate(key, scope, run)
            names = run.environment if isinstance(owner, Symbol) and owner.name == "os.environ" else {}
            if isinstance(index, Known) and str(index.value) in names:
                return names[str(index.value)]
            return _subscript(owner, index, place)
        case ast.JoinedStr(values=inner):
            return _joined([evaluate(part, scope, run) for part in inner], place)
        case ast.FormattedValue(value=inner):
            return evaluate(inner, scope, run)
        case ast.BinOp(left=left, op=kind, right=right):
            made = binary(kind, evaluate(left, scope, run), evaluate(right, scope, run), place)
            return taken(made, run)
        case ast.UnaryOp(op=sign, operand=inner):
            return unary(sign, evaluate(inner, scope, run), place)
        case ast.Compare(left=left, ops=[comparison], comparators=[right]):
            first, second = evaluate(left, scope, run), taken(evaluate(right, scope, run), run)
            return compared(comparison, first, second, place)
        case ast.BoolOp(op=join, values=inner):
            return _joined_logic(join, [evaluate(part, scope, run) for part in inner], place)
        case ast.IfExp():
            return _either(node, scope, run, place)
        case ast.NamedExpr(target=ast.Name(id=name), value=inner):
            scope.names[name] = evaluate(inner, scope, run)
            return scope.names[name]
        case ast.Lambda():
            return Function(node, scope, run.here)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            read = partial(_read, run)
            return comprehensions.items(node.elt, node.generators, scope, read, place)
        case ast.DictComp():
            return comprehensions.table(node, scope, partial(_read, run), run.locate, place)
        case ast.Await(value=inner) | ast.Starred(value=inner):
            return evaluate(inner, scope, run)
    return Open("only the run knows", place)


def _read(run: Evaluation, node: ast.expr, scope: Scope) -> Value:
    return evaluate(node, scope, run)


def taken(value: Value, run: Evaluation) -> Value:
    """A value that another is made of, for the work of going through it; open where it is too long."""
    if not isinstance(value, Items | Table):
        return value
    count = parts(value)
    run.spend(copied(count))
    return value if count <= LONGEST else Open(TOO_LONG, value.place)


STARTS = frozenset(["remote", "spawn", "local", "delay"])
"""Methods by which a function of the script is started elsewhere (modal, ray)."""


def _name(name: str, scope: Scope, place: Place) -> Value:
    found = scope.find(name)
    if found is not None:
        return found
    if name == "__name__":
        return Known("__main__", place)
    if name == paths.SCRIPT:
        return Known(name, place)
    return Symbol(name, place)


def brought(value: Value, run: Evaluation) -> Value:
    """A value, or what its dotted name stands for in a module of the project."""
    if isinstance(value, Symbol) and "." in value.name:
        return run.imported(value.name, value.place) or value
    if isinstance(value, Function) and value.owner is not None and decorated(value, *_PROPERTIES):
        return run.follow(value, [], {}, value.locate(value.node))
    return value


_PROPERTIES = ("property", "cached_property")


def attribute(value: Value, name: str, place: Place) -> Value:
    """An attribute of a value."""
    if isinstance(value, Symbol):
        return Symbol(f"{value.name}.{name}", place)
    if isinstance(value, Made):
        if name in value.keywords:
            return value.keywords[name]
        if (of_path := paths.part(value, name, place)) is not None:
            return of_path
        if value.defined is not None and name in value.defined.functions:
            return bound(value.defined.functions[name], value, value.defined)
        if value.missing:
            return Open(value.missing, value.place)
        return Bound(value, name, place)
    if isinstance(value, Function) and name in STARTS:
        return value
    if isinstance(value, Class) and name in value.defaults:
        return value.defaults[name]
    if isinstance(value, Class) and value.checks and name in _OF_TABLES:
        return value
    if isinstance(value, Class) and name in value.functions:
        return bound(value.functions[name], None, value)
    if isinstance(value, Open):
        return value
    if isinstance(value, Table):
        return value.entries.get(name) or Symbol(f"dict.{name}", place)
    return Open(f".{name} is not known here", place)


_OF_TABLES = ("model_validate", "parse_obj")
"""How pydantic is handed the dictionary of an object; calling the class takes keywords alone."""


def bound(function: Function, owner: Made | None, of: Class) -> Function:
    """A function of a class, seen from an object or from the class itself."""
    first: Made | Class | None = owner
    if decorated(function, "staticmethod"):
        first = None
    elif decorated(function, "classmethod"):
        first = of
    return Function(function.node, function.scope, function.locate, first)


def _items(nodes: list[ast.expr], scope: Scope, run: Evaluation, place: Place) -> Value:
    found: list[Value] = []
    for node in nodes:
        value = taken(evaluate(node, scope, run), run)
        if not isinstance(node, ast.Starred):
            found.append(value)
        elif isinstance(value, Items) and len(found) + len(value.items) <= LONGEST:
            found.extend(value.items)
        else:
            return Open("a part of the list is not known", place)
    return Items(found, place)


def _table(node: ast.Dict, scope: Scope, run: Evaluation, place: Place) -> Table:
    table = Table({}, place)
    for key, inner in zip(node.keys, node.values, strict=True):
        value = taken(evaluate(inner, scope, run), run)
        if key is None:
            spread(table, value)
            continue
        name = evaluate(key, scope, run)
        if isinstance(name, Known):
            table.entries[str(name.value)] = value
            table.words[str(name.value)] = Word(run.locate(key), run.locate(inner))
        else:
            table.whole = False
    return table


def spread(table: Table, value: Value) -> None:
    """`**value` into a dictionary."""
    if isinstance(value, Table) and len(table.entries) + len(value.entries) <= LONGEST:
        table.entries |= value.entries
        table.words |= value.words
        table.whole = table.whole and value.whole
    elif isinstance(value, Made) and value.kind in ("asdict", "vars", "to_container") and value.arguments:
        inner = value.arguments[0]
        spread(table, Table(dict(inner.keywords), inner.place, False) if isinstance(inner, Made) else inner)
    else:
        table.whole = False


def _subscript(value: Value, key: Value, place: Place) -> Value:
    if isinstance(value, Table | Items) and isinstance(key, Open):
        return key
    if isinstance(value, Table) and isinstance(key, Known):
        found = value.entries.get(str(key.value))
        return found if found is not None else Open(f"{key.value!r} is not in the dictionary", place)
    if isinstance(value, Items) and isinstance(key, Known) and isinstance(key.value, int):
        if -len(value.items) <= key.value < len(value.items):
            return value.items[key.value]
        return Open(f"given on {COMMAND_LINE}" if value.place == place else "beyond the list", place)
    if isinstance(value, Symbol) and value.name == "os.environ" and isinstance(key, Known):
        return Open(f"{ENVIRONMENT} {key.value}, without a default", place)
    if isinstance(value, Open):
        return value
    return Open("an element that only the run knows", place)


def _joined(pieces: list[Value], place: Place) -> Value:
    """An f-string; through one name, where that is decided."""
    pieces = [_as_text(piece) for piece in pieces]
    unknown = next((part for part in pieces if not isinstance(part, Known)), None)
    if unknown is not None:
        return unknown if isinstance(unknown, Open) else Open("a part of the text is not known", place)
    known = [part for part in pieces if isinstance(part, Known)]
    if any(is_long(part) for part in known):
        return Open(TOO_LONG, place)
    texts = [str(part.value) for part in known]
    if sum(map(len, texts)) > LONGEST:
        return Open(TOO_LONG, place)
    how: How = next((part.how for part in known if part.how != "literal"), "literal")
    return Known("".join(texts), place, how)


def _as_text(value: Value) -> Value:
    """A path as the text that it stands for."""
    return value.arguments[0] if isinstance(value, Made) and paths.is_path(value) else value


def _joined_logic(join: ast.boolop, operands: list[Value], place: Place) -> Value:
    """`and` and `or`: the operand that decides."""
    last: Value = operands[-1]
    for part in operands:
        said = truth(part)
        if said is None:
            later = any(truth(each) is isinstance(join, ast.Or) for each in operands)
            return (
                Known(isinstance(join, ast.Or), place)
                if later and isinstance(join, ast.And)
                else Open(part.why if isinstance(part, Open) else "only the run knows", place)
            )
        if said is isinstance(join, ast.Or):
            return part
    return last


def _either(node: ast.IfExp, scope: Scope, run: Evaluation, place: Place) -> Value:
    said = truth(evaluate(node.test, scope, run))
    if said is not None:
        return evaluate(node.body if said else node.orelse, scope, run)
    return merged(evaluate(node.body, scope, run), evaluate(node.orelse, scope, run), place, run)
