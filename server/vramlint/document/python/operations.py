"""Operators and built-in functions on known values; None where the result is not known."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from vramlint.document.place import How, Place
from vramlint.document.python import paths
from vramlint.document.python.values import COMMAND_LINE, Items, Known, Made, Open, Table, Value, is_long
from vramlint.document.python.work import LARGEST, LONGEST, TOO_LONG


def _multiplied(left: Any, right: Any) -> Any:
    return left * right if isinstance(left, int | float) and isinstance(right, int | float) else None


_LARGEST_BASE, _LARGEST_POWER = 10_000, 64
_WIDTH = re.compile(r"%[^%a-zA-Z]*\d{4}")


def _remainder(left: Any, right: Any) -> Any:
    """Of numbers; or a text with one value in it, which may ask for any width."""
    return None if isinstance(left, str | bytes) and _wide(left) else left % right


def _wide(text: str | bytes) -> bool:
    return _WIDTH.search(text if isinstance(text, str) else text.decode("latin-1")) is not None


def _rounded(value: Any, digits: Any = 0) -> Any:
    return round(value, digits) if isinstance(digits, int) and abs(digits) <= _LARGEST_POWER else None


def _power(left: Any, right: Any) -> Any:
    small = isinstance(left, int | float) and isinstance(right, int | float) and abs(right) <= _LARGEST_POWER
    return left**right if small and abs(left) < _LARGEST_BASE else None


_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _multiplied,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: _remainder,
    ast.Pow: _power,
}
_COMPARED: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.eq,
    ast.IsNot: operator.ne,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_BUILTINS: Mapping[str, Callable[..., Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "max": max,
    "min": min,
    "round": _rounded,
    "abs": abs,
}
_NUMERIC = (int, float, bool, str, type(None))


def binary(kind: ast.operator, left: Value, right: Value, place: Place) -> Value:
    """Two values put together."""
    if isinstance(left, Items) and isinstance(right, Items) and isinstance(kind, ast.Add):
        if len(left.items) + len(right.items) > LONGEST:
            return Open(TOO_LONG, place)
        return Items([*left.items, *right.items], place)
    if isinstance(left, Table) and isinstance(right, Table) and isinstance(kind, ast.BitOr):
        if len(left.entries) + len(right.entries) > LONGEST:
            return Open(TOO_LONG, place)
        return Table({**left.entries, **right.entries}, place, left.whole and right.whole)
    joined = paths.joined(left, right, place) if isinstance(kind, ast.Div) else None
    if joined is not None:
        return joined
    known = _both(left, right)
    function = _BINARY.get(type(kind))
    if known is None or function is None:
        return _open(left, right, place)
    return _made(function, known, place, "arithmetic")


def compared(kind: ast.cmpop, left: Value, right: Value, place: Place) -> Value:
    """A comparison; of `in`, the right side may be a list or a dictionary."""
    function = _COMPARED.get(type(kind))
    if isinstance(kind, ast.In | ast.NotIn) and isinstance(left, Known):
        inside: Any = None
        if isinstance(right, Items) and all(isinstance(item, Known) for item in right.items):
            inside = [item.value for item in right.items if isinstance(item, Known)]
            if not right.whole and left.value not in inside:
                return Open(f"given on {COMMAND_LINE}", place)
        elif isinstance(right, Table) and right.whole:
            inside = right.entries
        if inside is not None and function is not None:
            return Known(function(left.value, inside), place, left.how)
    known = _both(left, right)
    if known is None or function is None:
        if isinstance(kind, ast.Is | ast.IsNot) and not isinstance(left, Open | Known) and right is not left:
            is_none = isinstance(right, Known) and right.value is None
            return Known(isinstance(kind, ast.IsNot), place) if is_none else Open("not compared", place)
        return _open(left, right, place)
    return _made(function, known, place, known[0].how)


def unary(kind: ast.unaryop, value: Value, place: Place) -> Value:
    """A sign or a negation."""
    function = _UNARY.get(type(kind))
    if isinstance(kind, ast.Not):
        said = truth(value)
        return Known(not said, place) if said is not None else _open(value, value, place)
    if isinstance(value, Known) and function is not None:
        return _made(function, (value,), value.place, value.how)
    return _open(value, value, place)


def builtin(name: str, arguments: list[Value], place: Place) -> Value | None:
    """A built-in function of plain values; None for any other."""
    if name == "len" and len(arguments) == 1:
        only = arguments[0]
        if isinstance(only, Items):
            return Known(len(only.items), only.place)
        if isinstance(only, Table) and only.whole:
            return Known(len(only.entries), only.place)
    if (
        name == "str"
        and len(arguments) == 1
        and isinstance(arguments[0], Made)
        and paths.is_path(arguments[0])
    ):
        return arguments[0].arguments[0]
    if name in ("any", "all") and len(arguments) == 1 and isinstance(arguments[0], Items):
        return _of_all(name, arguments[0], place)
    function = _BUILTINS.get(name)
    if function is None and name != "len":
        return None
    known = [each for each in arguments if isinstance(each, Known) and isinstance(each.value, _NUMERIC)]
    if function is None or len(known) != len(arguments) or not known:
        first = next((each for each in arguments if isinstance(each, Open)), None)
        return first or Open(f"{name}() of something that only the run knows", place)
    return _made(function, tuple(known), known[0].place, known[0].how)


def _of_all(name: str, items: Items, place: Place) -> Value:
    """`any` and `all`: decided by one element, else by every one."""
    said = [truth(each) for each in items.items]
    deciding = name == "any"
    if deciding in said:
        return Known(deciding, place)
    if None not in said and items.whole:
        return Known(not deciding, place)
    first = next((each for each in items.items if isinstance(each, Open)), None)
    return first or Open(f"{name}() of something that only the run knows", place)


def truth(value: Value) -> bool | None:
    """Whether a value counts as true."""
    if isinstance(value, Known):
        return bool(value.value)
    if isinstance(value, Items):
        return bool(value.items)
    if isinstance(value, Table):
        return True if value.entries else False if value.whole else None
    return None


def _both(left: Value, right: Value) -> tuple[Known, Known] | None:
    if isinstance(left, Known) and isinstance(right, Known):
        return left, right
    return None


def _made(function: Callable[..., Any], values: tuple[Known, ...], place: Place, how: How) -> Value:
    if any(is_long(each) for each in values):
        return Open(TOO_LONG, place)
    try:
        result = function(*(each.value for each in values))
    except (TypeError, ValueError, ArithmeticError):
        return Open("no value comes of it", place)
    if result is None or (isinstance(result, int | float) and abs(result) > LARGEST):
        return Open("no value comes of it", place)
    made = Known(result, place, how)
    return Open(TOO_LONG, place) if is_long(made) else made


def _open(left: Value, right: Value, place: Place) -> Value:
    return next((each for each in (left, right) if isinstance(each, Open)), Open("only the run knows", place))
