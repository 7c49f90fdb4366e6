"""Files that inherit from others: whose values come first, which are followed, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from vramlint.dialects.kit.dialect import Companion
from vramlint.dialects.kit.hydra_defaults import Inherited, inherit

FILES: Mapping[str, Any] = {
    "base.yaml": {"a": 1, "b": {"c": 1, "d": 1}},
    "other.yml": {"a": 2},
    "deep/one.yaml": {"defaults": ["two", "../base"], "e": 1},
    "deep/two.yaml": {"f": 1, "b": {"c": 2}},
    "two.yaml": {"f": "not this"},
    "engine/fast.yaml": {"speed": 9},
    "ring/x.yaml": {"defaults": "y"},
    "ring/y.yaml": {"defaults": ["x"]},
    "list.yaml": [1],
    "reference.yaml": {"g": "${a}"},
    "folder/self.yaml": {"defaults": ["self"], "h": 1},
    "self.yaml": {"i": 1},
}


def inherited(values: Mapping[str, Any], files: Mapping[str, Any] = FILES) -> Inherited:
    return inherit(values, lambda name: Companion(name, files[name], None) if name in files else None)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"defaults": "base"}, {"a": 1, "b": {"c": 1, "d": 1}}),
        ({"defaults": ["base"], "a": 9, "b": {"d": 9}}, {"a": 9, "b": {"c": 1, "d": 9}}),
        ({"defaults": ["_self_", "base"], "a": 9, "z": 9}, {"a": 1, "b": {"c": 1, "d": 1}, "z": 9}),
        ({"defaults": ["base", "other"]}, {"a": 2, "b": {"c": 1, "d": 1}}),
        ({"defaults": ["base.yaml", "other.yml"]}, {"a": 2, "b": {"c": 1, "d": 1}}),
        ({"defaults": ["deep/one"]}, {"f": 1, "b": {"c": 1, "d": 1}, "a": 1, "e": 1}),
        ({"defaults": [{"engine": "fast"}]}, {"engine": {"speed": 9}}),
        ({"defaults": [{"/engine": "fast"}]}, {"engine": {"speed": 9}}),
        ({"defaults": [{"override engine": "fast"}]}, {"engine": {"speed": 9}}),
        ({"defaults": [{"engine@run.engine": "fast"}]}, {"run": {"engine": {"speed": 9}}}),
        ({"defaults": [{"engine@_global_": "fast"}]}, {"speed": 9}),
        ({"defaults": ["engine/fast@x.y"]}, {"x": {"y": {"speed": 9}}}),
        ({"defaults": [{"engine": None}, {"": "fast"}, "", 3]}, {}),
        ({"defaults": ["reference"], "a": 4}, {"g": 4, "a": 4}),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_values(own: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    found = inherited(own)
    assert found.values == expected
    assert found.own == own
    assert found.obstacle is None


@pytest.mark.parametrize(
    ("own", "missing", "circle"),
    [
        ({"defaults": ["none", "none", "base"]}, ["none"], ()),
        ({"defaults": ["list"]}, ["list"], ()),
        ({"defaults": "ring/x"}, [], ("ring/x.yaml", "ring/y.yaml", "ring/x.yaml")),
        ({"defaults": "folder/self"}, [], ("folder/self.yaml", "folder/self.yaml")),
    ],
)
def test_what_cannot_be_followed(own: Mapping[str, Any], missing: list[str], circle: tuple[str, ...]) -> None:
    found = inherited(own)
    assert (found.missing, found.circle) == (missing, circle)
    assert found.obstacle is not None
    assert found.obstacle.code == ("parents-in-a-circle" if circle else "missing-parent")


@pytest.mark.parametrize(("count", "followed"), [(60, 60), (61, 60), (99, 60)])
def test_so_many_files_are_followed_and_no_more(count: int, followed: int) -> None:
    """In a chain, where each counts, and beside each other."""
    chain = {f"{number}.yaml": {"defaults": [str(number + 1)], str(number): 1} for number in range(count)}
    chain[f"{count - 1}.yaml"] = {str(count - 1): 1}
    assert len(inherited({"defaults": ["0"]}, chain).parents) == followed
    beside = {f"{number}.yaml": {str(number): 1} for number in range(count)}
    found = inherited({"defaults": [str(number) for number in range(count)]}, beside)
    assert len(found.values) == followed
    assert found.obstacle is None


def test_parents_are_told_in_the_order_in_which_they_were_read() -> None:
    assert list(inherited({"defaults": ["deep/one", "other"]}).parents) == [
        "deep/two.yaml",
        "base.yaml",
        "deep/one.yaml",
        "other.yml",
    ]
