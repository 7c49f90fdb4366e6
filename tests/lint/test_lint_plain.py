"""The quick yes is never given where jsonschema has something to say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from vramlint.lint.quick_validation import is_valid
from vramlint.lint.schema import violations
from vramlint_schemas import load_schema, names, walk

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10),
    st.floats(allow_nan=False),
    st.sampled_from(["auto", "none", "1e-5", "2.0", "adamw_torch", "bf16", "true", ""]),
    st.text(max_size=5),
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=4)


def judged(schema: dict[str, Any], value: Any) -> None:
    if is_valid(schema, value):
        assert Draft202012Validator(schema).is_valid(value), value


@pytest.mark.parametrize("dialect", names())
@given(data=st.data())
def test_of_every_key_of_every_schema(dialect: str, data: st.DataObject) -> None:
    keys = [schema for _, schema in walk(load_schema(dialect))]
    judged(data.draw(st.sampled_from(keys)), data.draw(VALUES))


@pytest.mark.parametrize("dialect", names())
@given(data=st.data())
def test_of_whole_files(dialect: str, data: st.DataObject) -> None:
    schema = load_schema(dialect)
    keys = st.sampled_from([*schema["properties"], "unheard_of"])
    judged(schema, data.draw(st.dictionaries(keys, VALUES, max_size=4)))


@pytest.mark.parametrize("dialect", names())
@given(data=st.data())
def test_what_is_in_doubt_is_judged_as_jsonschema_judges_the_whole(dialect: str, data: st.DataObject) -> None:
    schema = load_schema(dialect)
    parts = {name: part for name, part in schema["properties"].items() if "properties" in part}
    inner = {
        name: st.dictionaries(st.sampled_from([*part["properties"]]), VALUES, max_size=3)
        for name, part in parts.items()
    }
    values = data.draw(st.fixed_dictionaries({}, optional=inner))
    values |= data.draw(st.dictionaries(st.sampled_from([*schema["properties"]]), VALUES, max_size=4))
    wanted = [
        (tuple(error.absolute_path), error.validator, error.instance, error.schema.get("x-type"))
        for error in Draft202012Validator(schema).iter_errors(values)
    ]
    found = violations(SimpleNamespace(schema=dialect), values)  # type: ignore[arg-type]
    assert [(each.path, each.keyword, each.value, each.declared) for each in found] == wanted


@pytest.mark.parametrize(
    ("schema", "value", "plain"),
    [
        ({"type": "integer"}, 1, True),
        ({"type": "integer"}, True, False),
        ({"type": "number"}, False, False),
        ({"type": ["string", "null"]}, None, True),
        ({"enum": [1]}, True, False),
        ({"enum": ["a", "b"]}, "b", True),
        ({"type": "integer", "title": "t", "description": "d", "default": 1}, 2, True),
        ({"minimum": 1}, 0, False),
        ({"pattern": "^a"}, "b", False),
        ({"items": {"type": "string"}}, ["x", 1], False),
        ({"properties": {"a": {"type": "string"}}}, {"a": "x", "b": 1}, True),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None, True),
        ({"const": 1}, True, False),
        ({"required": ["a"]}, {"b": 1}, False),
        ({"not": {"type": "string"}}, 1, False),
    ],
)
def test_each_keyword(schema: dict[str, Any], value: Any, plain: bool) -> None:
    assert is_valid(schema, value) is plain
