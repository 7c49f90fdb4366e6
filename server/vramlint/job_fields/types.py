"""Types, choices and defaults of a job's fields, as the classes of `job.py` declare them."""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from vramlint.catalog.facts import Model
from vramlint.job import TrainingJob


@cache
def _hints(holder: type) -> Mapping[str, Any]:
    return get_type_hints(holder)


def alternatives(path: str) -> tuple[Any, ...]:
    """The types that a field may have, without None: classes, Literals, tuples."""
    group, _, name = path.rpartition(".")
    holder = _class(group)
    return tuple(each for each in _flat(_hints(holder)[name]) if each is not types.NoneType)


def choices(path: str) -> tuple[str, ...]:
    """The words that a field may be, empty where it takes none of a closed list."""
    may_be = alternatives(path)
    literals = (each for each in may_be if get_origin(each) is Literal)
    return () if Model in may_be else tuple(word for literal in literals for word in get_args(literal))


def default(path: str, none: Any) -> Any:
    """The value of a field that is left out; `none` where it has none of its own."""
    group, _, name = path.rpartition(".")
    value = getattr(_class(group)(**({} if group else {"model": none})), name)
    return none if isinstance(value, Mapping) else value


def _class(group: str) -> Any:
    """The class that holds a group of fields; the job for the fields at the top."""
    if not group:
        return TrainingJob
    return next(each for each in alternatives(group) if isinstance(each, type))


def _flat(hint: Any) -> tuple[Any, ...]:
    """The members of a union."""
    if isinstance(hint, types.UnionType) or str(get_origin(hint)) == "typing.Union":
        return tuple(each for member in get_args(hint) for each in _flat(member))
    return (hint,)
