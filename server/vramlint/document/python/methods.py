"""Methods of plain values: text and dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vramlint.document.place import Place
from vramlint.document.python.conditions import dotted
from vramlint.document.python.values import Function, Items, Known, Open, Symbol, Table, Value, is_long
from vramlint.document.python.work import LONGEST, TOO_LONG

_OF_TEXT: Mapping[str, Callable[..., Any]] = {
    "strip": str.strip,
    "lstrip": str.lstrip,
    "rstrip": str.rstrip,
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "replace": str.replace,
    "removeprefix": str.removeprefix,
    "removesuffix": str.removesuffix,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "split": str.split,
    "rsplit": str.rsplit,
    "isdigit": str.isdigit,
}


GROWING = frozenset(("append", "extend", "insert", "remove", "clear", "pop"))


def grow(owner: Items, name: str, arguments: Sequence[Value], *, certain: bool) -> None:
    """Change a list; open what is in it where the change is not followed, or happens who knows how often."""
    added = arguments[0] if len(arguments) == 1 else None
    more = len(added.items) if name == "extend" and isinstance(added, Items) else 1
    if len(owner.items) + more > LONGEST:
        owner.whole = False
    elif certain and name == "append" and added is not None:
        owner.items.append(added)
    elif certain and name == "extend" and isinstance(added, Items):
        owner.items.extend(added.items)
        owner.whole = owner.whole and added.whole
    else:
        owner.whole = False


def method(
    owner: Known | Table, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """What a method of a plain value returns."""
    if isinstance(owner, Table):
        return _of_table(owner, name, arguments, keywords, place)
    known = [each.value for each in arguments if isinstance(each, Known)]
    if not isinstance(owner.value, str) or len(known) != len(arguments):
        first = next((each for each in arguments if isinstance(each, Open)), None)
        return first or _unknown(name, place)
    if any(is_long(each) for each in (owner, *arguments, *keywords.values())):
        return Open(TOO_LONG, place)
    if name == "format":
        return _formatted(owner, known, keywords, place)
    if name == "replace" and _replaced(owner.value, known) > LONGEST:
        return Open(TOO_LONG, place)
    function = _OF_TEXT.get(name)
    if function is None or keywords:
        return _unknown(name, place)
    try:
        found = function(owner.value, *known)
    except (TypeError, ValueError):
        return _unknown(name, place)
    if isinstance(found, list):
        return Items([Known(each, owner.place, owner.how) for each in found], owner.place)
    made = Known(found, owner.place, owner.how)
    return Open(TOO_LONG, place) if is_long(made) else made


def _replaced(text: str, known: Sequence[Any]) -> int:
    """The length of a text in which one is replaced by another."""
    if len(known) < 2 or not all(isinstance(each, str) for each in known[:2]):
        return 0
    return len(text) + text.count(known[0]) * max(len(known[1]) - len(known[0]), 0)


def _formatted(owner: Known, known: Sequence[Any], keywords: Mapping[str, Value], place: Place) -> Value:
    plain = {key: value.value for key, value in keywords.items() if isinstance(value, Known)}
    simple = all(isinstance(each, str | int | float | bool) for each in (*known, *plain.values()))
    if (
        len(plain) != len(keywords)
        or not simple
        or any(mark in owner.value for mark in (":", "!", "[", "{."))
    ):
        return _unknown("format", place)
    longest = max((len(str(each)) for each in (*known, *plain.values())), default=0)
    if len(owner.value) + owner.value.count("{") * longest > LONGEST:
        return Open(TOO_LONG, place)
    try:
        found = owner.value.format(*known, **plain)
    except (IndexError, KeyError, ValueError):
        return _unknown("format", place)
    return Known(found, owner.place, owner.how)


def _of_table(
    owner: Table, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    key = arguments[0] if arguments else None
    if name in ("get", "pop", "setdefault") and isinstance(key, Known):
        found = owner.entries.get(str(key.value))
        if found is not None:
            return found
        default = arguments[1] if len(arguments) > 1 else Known(None, place)
        return default if owner.whole else Open(f"{key.value!r} may be in the dictionary", place)
    if name == "update":
        for each in (*arguments, Table(dict(keywords), place)):
            if isinstance(each, Table) and len(owner.entries) + len(each.entries) <= LONGEST:
                owner.entries |= each.entries
                owner.words |= each.words
                owner.whole = owner.whole and each.whole
            else:
                owner.whole = False
        return Known(None, place)
    if name == "copy":
        return Table(dict(owner.entries), owner.place, owner.whole, dict(owner.words))
    if name in ("keys", "values", "items") and not arguments:
        keys: list[Value] = [Known(each, place) for each in owner.entries]
        values = list(owner.entries.values())
        pairs: list[Value] = [Items([one, two], place) for one, two in zip(keys, values, strict=True)]
        return Items({"keys": keys, "values": values}.get(name, pairs), place, owner.whole)
    inner = owner.entries.get(name)
    return inner if inner is not None else Symbol(f"dict.{name}", place)


def decorated(function: Function, *names: str) -> bool:
    """Whether a function has a decorator of one of these names."""
    found = (dotted(each).rpartition(".")[2] for each in getattr(function.node, "decorator_list", ()))
    return any(each in names for each in found)


def _unknown(name: str, place: Place) -> Open:
    return Open(f".{name}() is not worked out", place)
