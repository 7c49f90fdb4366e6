"""`dataclasses` that cost little until they are used.

The standard decorator compiles five functions for each frozen class while its module is imported: 0.4 ms a
class, a third of the time of a short run. Here classes inherit theirs, and only an `__init__` that is called
often is compiled. To type checkers they are the standard ones; the standard functions (`dataclasses.replace`,
`asdict`) take such classes too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from dataclasses import dataclass, field, fields, replace

__all__ = ["dataclass", "field", "fields", "replace"]

_MISSING: Any = object()
_OFTEN = 64
"""Instances after which compiling an `__init__` has paid: of ten fields it takes 0.1 ms, and then saves 2 µs
each time.
"""


class _Field:
    """A field: its default or what makes one, and whether it is shown, compared and hashed."""

    __slots__ = ("compare", "default", "default_factory", "hash", "kw_only", "name", "repr")

    def __init__(
        self,
        *,
        default: Any = _MISSING,
        default_factory: Any = _MISSING,
        repr: bool = True,
        compare: bool = True,
        hash: bool | None = None,
    ) -> None:
        self.name, self.kw_only, self.default, self.default_factory = "", False, default, default_factory
        self.repr, self.compare, self.hash = repr, compare, compare if hash is None else hash


_Fields = Mapping[str, _Field]
_set = object.__setattr__
_made: Counter[type] = Counter()


class _Record:
    """What all classes inherit."""

    __slots__ = ()
    __fields__: ClassVar[_Fields]
    _compared: ClassVar[Callable[[Any], Any]]
    _hashed: ClassVar[Callable[[Any], Any]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        cls: Any = type(self)
        _made[cls] += 1
        if _made[cls] > _OFTEN or not _assigned(self, args, kwargs):
            cls.__init__ = _compiled(cls)
            cls.__init__(self, *args, **kwargs)

    def __repr__(self) -> str:
        shown = (name for name, each in self.__fields__.items() if each.repr)
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{type(self).__qualname__}({values})"

    def __getstate__(self) -> list[Any]:
        return [getattr(self, name) for name in self.__fields__]

    def __setstate__(self, state: list[Any]) -> None:
        for name, value in zip(self.__fields__, state, strict=True):
            _set(self, name, value)


class _Compared(_Record):
    __slots__ = ()

    def __eq__(self, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        compared = self.__class__._compared
        return compared(self) == compared(other)

    __hash__: Any = None


class _Frozen(_Record):
    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot delete field {name!r}")


class _FrozenCompared(_Frozen, _Compared):
    __slots__ = ()

    def __hash__(self) -> int:
        return hash(self.__class__._hashed(self))


def _dataclass(
    *, slots: bool, frozen: bool = False, eq: bool = True, kw_only: bool = False
) -> Callable[[type], type]:
    """As `dataclasses.dataclass`; all classes have slots."""
    assert slots
    base = {(True, True): _FrozenCompared, (True, False): _Frozen, (False, True): _Compared}.get(
        (frozen, eq), _Record
    )
    return lambda cls: _made_anew(cls, base, kw_only)


def _fields(of: Any) -> tuple[_Field, ...]:
    """The fields of a class or of an instance, in the order of its parameters."""
    return tuple(of.__fields__.values())


def _replace(instance: Any, /, **changes: Any) -> Any:
    """A copy with other values of some fields."""
    cls = instance.__class__
    if not changes.keys() <= cls.__fields__.keys():
        raise TypeError(f"{cls.__name__} has no field {', '.join(changes.keys() - cls.__fields__.keys())}")
    made = cls.__new__(cls)
    for name, put in _slots(cls):
        put(made, changes[name] if name in changes else getattr(instance, name))
    return made


@cache
def _slots(cls: type) -> tuple[tuple[str, Callable[[Any, Any], None]], ...]:
    """The fields with what sets them, of a frozen instance too: faster than by name."""
    names = cls.__fields__  # type: ignore[attr-defined]
    return tuple((name, getattr(cls, name).__set__) for name in names)


def _made_anew(cls: type, base: type, kw_only: bool) -> type:
    """The class with slots and a base, which a class can only be given when it is made."""
    own: dict[str, _Field] = {}
    for name, annotation in cls.__annotations__.items():
        if not annotation.startswith("ClassVar"):
            default = vars(cls).get(name, _MISSING)
            own[name] = default if isinstance(default, _Field) else _Field(default=default)
            own[name].name, own[name].kw_only = name, kw_only
    every: _Fields = {**getattr(cls, "__fields__", {}), **own}
    members = {name: value for name, value in vars(cls).items() if name not in own}
    for name in ("__dict__", "__weakref__"):
        members.pop(name, None)
    members |= {"__qualname__": cls.__qualname__, "__slots__": tuple(own), "__fields__": every}
    members |= {"__match_args__": tuple(name for name, each in every.items() if not each.kw_only)}
    members |= {"_compared": _getter(name for name, each in every.items() if each.compare)}
    members |= {"_hashed": _getter(name for name, each in every.items() if each.hash)}
    members |= {"__init__": _Record.__init__, "__dataclass_fields__": _StandardFields()}
    bases = tuple(base if each is object else each for each in cls.__bases__)
    return type(cls)(cls.__name__, bases, members)


def _getter(names: Iterable[str]) -> Any:
    """From an instance to the values of these fields."""
    names = tuple(names)
    return attrgetter(*names) if names else type


def _assigned(instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the arguments were right, and assigned to the fields."""
    cls, given = type(instance), kwargs
    if args:
        given = dict(zip(cls.__match_args__, args, strict=False))
        if len(given) < len(args) or not given.keys().isdisjoint(kwargs):
            return False
        given |= kwargs
    found = 0
    for name, each in cls.__fields__.items():
        value = given.get(name, _MISSING)
        if value is not _MISSING:
            found += 1
        elif each.default is not _MISSING:
            value = each.default
        elif each.default_factory is not _MISSING:
            value = each.default_factory()
        else:
            return False
        _set(instance, name, value)
    return found == len(given)


def _compiled(cls: Any) -> Callable[..., None]:
    """`__init__` with a parameter for each field, the fastest way to make an instance."""
    names: dict[str, Any] = {"_missing": _MISSING, **{f"_set_{name}": put for name, put in _slots(cls)}}
    parameters, lines = ["self"], ["pass"]
    for name, each in cls.__fields__.items():
        parameter = value = name
        if each.kw_only and "*" not in parameters:
            parameters.append("*")
        if each.default is not _MISSING:
            names[f"_{name}"], parameter = each.default, f"{name}=_{name}"
        elif each.default_factory is not _MISSING:
            names[f"_{name}"], parameter = each.default_factory, f"{name}=_missing"
            value = f"_{name}() if {name} is _missing else {name}"
        parameters.append(parameter)
        lines.append(f"_set_{name}(self, {value})" if issubclass(cls, _Frozen) else f"self.{name} = {value}")
    body = "\n    ".join(lines)
    exec(f"def __init__({', '.join(parameters)}):\n    {body}", names)
    compiled: Callable[..., None] = names["__init__"]
    return compiled


class _StandardFields:
    """What the standard library's functions ask a class for; made when they do."""

    def __get__(self, instance: object, owner: Any) -> Any:
        import dataclasses

        rows: list[Any] = []
        for name, each in owner.__fields__.items():
            given = {"default": each.default, "default_factory": each.default_factory}
            given = {option: value for option, value in given.items() if value is not _MISSING}
            options = {"repr": each.repr, "compare": each.compare, "hash": each.hash, "kw_only": each.kw_only}
            rows.append((name, Any, dataclasses.field(**options, **given)))
        standard: Any = dataclasses.make_dataclass(owner.__name__, rows)
        return standard.__dataclass_fields__


if not TYPE_CHECKING:
    dataclass, field, fields, replace = _dataclass, _Field, _fields, _replace
