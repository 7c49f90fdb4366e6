"""Typed values and where they came from."""

from __future__ import annotations

from typing import Any

import pytest

from vramlint.dialects.kit.dialect import Companion, Key
from vramlint.dialects.kit.reader import (
    Kind,
    Reader,
    boolean,
    integer,
    names,
    number,
    positive,
    table,
    text,
)
from vramlint.job import Assumed, FrameworkDefault, Written
from vramlint.versions import at_least

KEYS = table(
    (
        Key("batch", "micro_batch_size", "Rows.", 4),
        Key("engine.stage", "parallel.strategy", "Stage.", 2),
    )
)


@pytest.mark.parametrize(
    ("kind", "value", "typed"),
    [
        (boolean, True, True),
        (boolean, "False", False),
        (boolean, "yes", True),
        (boolean, 1, None),
        (boolean, "maybe", None),
        (integer, 3, 3),
        (integer, "1e3", 1000),
        (integer, 2.5, None),
        (integer, True, None),
        (integer, float("inf"), None),
        (integer, float("nan"), None),
        (positive, 0, None),
        (positive, -1, None),
        (positive, 7.0, 7),
        (number, "2e-5", 2e-5),
        (number, "two", None),
        (number, False, None),
        (text, "", None),
        (text, 3, None),
        (names, "q_proj, v_proj", ("q_proj", "v_proj")),
        (names, ["q_proj", 3, "v_proj"], ("q_proj", "v_proj")),
        (names, [], None),
    ],
)
def test_coercions(kind: Kind[Any], value: Any, typed: Any) -> None:
    assert kind(value) == typed


@pytest.mark.parametrize(
    ("version", "floor", "newer"),
    [
        ("1.16.0", "1.9", True),
        ("1.9", "1.16", False),
        ("1.16", "1.16", True),
        ("v0.24.1", "0.24", True),
        ("1.16.0rc1", "1.16", True),
        ("5", "5.0", True),
        ("5.0", "5", True),
        ("unknown", "1.0", True),
    ],
)
def test_releases(version: str, floor: str, newer: bool) -> None:
    assert at_least(version, floor) is newer


def test_what_is_written_wins_over_the_table() -> None:
    reader = Reader({"batch": 2}, "framework", "1.0", KEYS)
    assert reader.read("batch", positive) == 2
    assert reader.record.origins == {"micro_batch_size": Written(("batch",))}


@pytest.mark.parametrize("values", [{}, {"batch": None}, {"batch": "many"}, {"batch": [1]}])
def test_silence_and_wrong_types_are_the_default(values: dict[str, Any]) -> None:
    reader = Reader(values, "framework", "1.0", KEYS)
    assert reader.read("batch", positive) == 4
    assert reader.record.origins == {"micro_batch_size": FrameworkDefault("framework", "1.0")}


def test_sections_place_their_keys_below() -> None:
    reader = Reader({"engine": {"stage": 3}}, "framework", "1.0", KEYS)
    section = reader.section("engine")
    assert section is not None
    assert section.read("stage", positive) == 3
    assert reader.record.origins["parallel.strategy"] == Written(("engine", "stage"))


def test_companions_name_their_file() -> None:
    reader = Reader({}, "framework", "1.0", KEYS)
    inner = reader.companion_reader(Companion("ds.json", {"stage": 1}, None))
    inner.written("parallel.strategy", "stage")
    inner.problem("odd", "stage", "odd")
    assert reader.record.origins["parallel.strategy"] == Written(("stage",), "ds.json")
    assert reader.record.problems[0].document == "ds.json"
    assert reader.record.companions == ["ds.json"]


def test_settings_that_are_only_named_are_placed_at_the_name() -> None:
    reader = Reader({"launcher": "zero3"}, "framework", "1.0", KEYS)
    inner = reader.virtual({"stage": 3}, "launcher")
    inner.written("parallel.strategy", "stage")
    assert reader.record.origins["parallel.strategy"] == Written(("launcher",))


def test_assumptions_say_why() -> None:
    reader = Reader({}, "framework", "1.0", KEYS)
    reader.assume("parallel.data", "one GPU")
    reader.same_origin_as("parallel.tensor", "parallel.data")
    assert reader.record.origins["parallel.tensor"] == Assumed("one GPU")
