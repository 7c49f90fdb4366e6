"""Classes of `lazy_dataclasses` do what those of the standard library do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from vramlint import lazy_dataclasses

LIBRARIES: Any = [lazy_dataclasses, dataclasses]


def classes(library: Any) -> SimpleNamespace:
    """The same classes, made by either."""

    @library.dataclass(frozen=True, slots=True)
    class Point:
        """A point."""

        kind: ClassVar[str] = "point"
        x: int
        y: int = 2
        tags: list[str] = library.field(default_factory=list, hash=False)
        note: str = library.field(default="", repr=False, compare=False)

        @property
        def sum(self) -> int:
            return self.x + self.y

    @library.dataclass(frozen=True, slots=True)
    class Named(Point):
        name: str = "p"

    @library.dataclass(slots=True)
    class Mutable:
        value: int = 1

    @library.dataclass(frozen=True, slots=True, eq=False)
    class Unique:
        value: int = 1

    @library.dataclass(frozen=True, slots=True, kw_only=True)
    class Keywords:
        optional: int = 1
        needed: int

    return SimpleNamespace(Point=Point, Named=Named, Mutable=Mutable, Unique=Unique, Keywords=Keywords)


LAZY, STANDARD = map(classes, LIBRARIES)


def outcome(action: Any, made: SimpleNamespace) -> Any:
    """What an action gives or raises."""
    try:
        return action(made)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize(
    "action",
    [
        lambda m: repr(m.Point(1)),
        lambda m: repr(m.Named(1, 3, ["a"], name="q")),
        lambda m: repr(m.Mutable()),
        lambda m: repr(m.Keywords(needed=2)),
        lambda m: m.Keywords(1, 2),
        lambda m: m.Point(),
        lambda m: m.Point(1, z=2),
        lambda m: m.Point(1, 2, [], "", 5),
        lambda m: (m.Point(1).sum, m.Point.kind, m.Point.__doc__, m.Point.__match_args__, m.Named.__name__),
        lambda m: (m.Point.__slots__, m.Keywords.__match_args__),
        lambda m: m.Point(1).tags is m.Point(1).tags,
        lambda m: (m.Point(1) == m.Point(1), m.Point(1) == m.Point(2), m.Point(1) == 1),
        lambda m: m.Point(1, note="a") == m.Point(1, note="b"),
        lambda m: m.Point(1) == m.Named(1),
        lambda m: m.Unique() == m.Unique(),
        lambda m: len({m.Point(1), m.Point(1, tags=["a"]), m.Point(2)}),
        lambda m: hash(m.Mutable()),
        lambda m: len({m.Unique(), m.Unique()}),
        lambda m: setattr(m.Point(1), "x", 2),
        lambda m: delattr(m.Point(1), "x"),
        lambda m: setattr(m.Mutable(), "other", 2),
        lambda m: copy.deepcopy(m.Point(1, tags=["a"])) == m.Point(1, tags=["a"]),
        lambda m: repr(dataclasses.replace(m.Named(1), y=5, name="r")),
        lambda m: dataclasses.replace(m.Point(1), z=5),
        lambda m: dataclasses.asdict(m.Named(1, tags=["a"])),
        lambda m: [(f.name, f.repr, f.compare, f.kw_only) for f in dataclasses.fields(m.Point)],
        lambda m: dataclasses.is_dataclass(m.Point),
    ],
)
def test_as_in_the_standard_library(action: Any) -> None:
    for _ in range(40):  # from some time on with a compiled `__init__`
        assert outcome(action, LAZY) == outcome(action, STANDARD)


@pytest.mark.parametrize("library", LIBRARIES)
def test_functions_over_instances(library: Any) -> None:
    named = LAZY.Named(1)
    assert library.replace(named, y=5) == LAZY.Named(1, 5)
    assert [each.name for each in library.fields(named)] == ["x", "y", "tags", "note", "name"]
    with pytest.raises(TypeError):
        library.replace(named, z=5)


def test_patterns() -> None:
    match LAZY.Point(3):
        case LAZY.Point(x, 2):
            assert x == 3
        case _:
            pytest.fail("no match")


@lazy_dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """Can be found by name, as pickling wants."""

    value: int
    note: str = ""


def test_frozen_instances_are_pickled() -> None:
    assert pickle.loads(pickle.dumps(Sent(1, "a"))) == Sent(1, "a")


def test_only_an_init_that_is_called_often_is_compiled() -> None:
    @lazy_dataclasses.dataclass(frozen=True, slots=True)
    class Fresh:
        value: int = 1

    inherited = Fresh.__init__
    assert Fresh(2).value == 2
    assert Fresh.__init__ is inherited
    assert {Fresh(2).value for _ in range(100)} == {2}
    assert Fresh.__init__.__code__.co_varnames == ("self", "value")  # type: ignore[attr-defined]
