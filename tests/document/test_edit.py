"""Edits change what they should and nothing else."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from vramlint.document import Document
from vramlint.document.edit import TextEdit, apply_edits, remove_key, set_key, set_keys
from vramlint.document.write import write_value

YAML_TEXT = """\
# top
model: "x/y"  # the model
lr: 1e-5
lora:   # adapter
  # inside
  r: 8
  alpha: 16  # a
text: |  # why
  hello
  world

flow: {a: 1, b: [1, 2]}
empty:   # nothing
deep:
  - name: x  # first
    val: 1
  - name: y
# end
"""
JSON_TEXT = """\
{
  "a": 1, // one
  "b": {"x": 1, "y": [1, {"z": 2}]},
  "c": {
    "d": "text" /* last */
  },
  "e": {}
}
"""
TOML_TEXT = """\
# top
a = 1 # one
y.z = 2
s = "text"

[t] # table
k = "v" # kay
[t.sub]
q = 1
[[arr]]
n = 1
[[arr]]
n = 2
[o.p]
w = {i = 1}
"""
DOCUMENTS = {
    "yaml": Document.parse(YAML_TEXT, "x.yaml"),
    "yaml-crlf": Document.parse(YAML_TEXT.replace("\n", "\r\n"), "x.yaml"),
    "json": Document.parse(JSON_TEXT, "x.jsonc"),
    "toml": Document.parse(TOML_TEXT, "x.toml"),
}


def edited(document: Document, *edits: TextEdit | None) -> Document:
    assert None not in edits
    return Document.parse(apply_edits(document.text, edits), document.path, document.language)


def change(values: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The values with one changed, in a copy."""
    values = copy.deepcopy(values)
    here = values
    for part in path[:-1]:
        if isinstance(here, dict) and not isinstance(here.get(part), (dict, list)):
            here[part] = {}
        here = here[part]
    here[path[-1]] = value
    return values


SETTABLE = {
    "yaml": [
        *[
            ("model",),
            ("lr",),
            ("lora",),
            ("lora", "r"),
            ("lora", "alpha"),
            ("lora", "new"),
            ("new",),
            ("text",),
        ],
        *[
            ("flow",),
            ("flow", "a"),
            ("flow", "b", 1),
            ("flow", "new"),
            ("empty",),
            ("empty", "p", "q"),
            ("deep",),
        ],
        *[("deep", 0, "val"), ("deep", 1, "name"), ("deep", 0, "new"), ("deep", 1), ("p", "q", "r")],
    ],
    "json": [
        *[("a",), ("b",), ("b", "x"), ("b", "y", 0), ("b", "y", 1, "z"), ("b", "y", 1, "new"), ("c", "d")],
        *[("c", "new"), ("e",), ("e", "new"), ("e", "p", "q"), ("new",), ("p", "q", "r")],
    ],
    "toml": [
        *[
            ("a",),
            ("y", "z"),
            ("y", "new"),
            ("s",),
            ("t", "k"),
            ("t", "new"),
            ("t", "sub", "q"),
            ("t", "p", "q"),
        ],
        *[("arr", 0, "n"), ("arr", 1, "n"), ("arr", 0, "new"), ("o", "p", "w", "i"), ("o", "p", "w", "new")],
        *[("o", "p", "w"), ("new",), ("p", "q"), ("o", "new")],
    ],
}
SETTABLE["yaml-crlf"] = SETTABLE["yaml"]
INSIDE = {("lora",): {"# inside", "# a"}, ("deep",): {"# first"}}
"""Comments within the value that is replaced."""
CASES = [(kind, path) for kind, paths in SETTABLE.items() for path in paths]

STRINGS = st.text(max_size=12, alphabet=st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    [
        "yes",
        "1e-5",
        "null",
        "~",
        "- x",
        "a: b",
        "x # y",
        "'",
        '"',
        "{a",
        "[",
        "1",
        "2024-01-02",
        "<<",
        "=",
        "a,b",
        "?",
        "\x85",
    ]
)
SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False) | STRINGS
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(STRINGS, SCALARS, max_size=3)


@pytest.mark.parametrize(("kind", "path"), CASES)
@given(value=VALUES)
@examples(25)
def test_set_key(kind: str, path: tuple[str | int, ...], value: Any):
    document = DOCUMENTS[kind]
    after = edited(document, set_key(document, path, value))
    assert after.values() == change(document.values(), path, value)
    assert after.problems == ()
    lost = {comment.text for comment in document.comments} - {comment.text for comment in after.comments}
    assert lost <= INSIDE.get(path, set())


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        *[
            ("yaml", path)
            for path in [("model",), ("lora",), ("lora", "r"), ("text",), ("flow", "a"), ("flow", "b")]
        ],
        *[
            ("yaml", path)
            for path in [("empty",), ("deep",), ("deep", 0, "name"), ("deep", 0, "val"), ("deep", 1, "name")]
        ],
        *[("json", path) for path in [("a",), ("b",), ("b", "x"), ("b", "y"), ("c", "d"), ("c",), ("e",)]],
        *[("toml", path) for path in [("a",), ("t", "k"), ("t", "sub"), ("o", "p", "w", "i"), ("s",)]],
    ],
)
def test_remove_key(kind: str, path: tuple[str | int, ...]):
    document = DOCUMENTS[kind]
    expected = copy.deepcopy(document.values())
    here = expected
    for part in path[:-1]:
        here = here[part]
    del here[path[-1]]
    after = edited(document, remove_key(document, path))
    assert after.values() == expected
    assert after.problems == ()


def test_scalars_keep_their_trailing_comment_and_quotes():
    text = edited(DOCUMENTS["yaml"], set_key(DOCUMENTS["yaml"], ("model",), "a/b")).text
    assert 'model: "a/b"  # the model\n' in text
    text = edited(DOCUMENTS["yaml"], set_key(DOCUMENTS["yaml"], ("lr",), 1e-5)).text
    assert "lr: 1.0e-05\n" in text


def test_new_keys_stand_behind_their_sibling():
    document = DOCUMENTS["yaml"]
    text = edited(document, set_key(document, ("lora", "dropout"), 0.05, after="r")).text
    assert "  r: 8\n  dropout: 0.05\n  alpha: 16  # a\n" in text
    text = edited(document, set_key(document, ("optim", "args", "x"), True, after="lr")).text
    assert "lr: 1e-5\noptim:\n  args:\n    x: true\nlora:" in text
    document = DOCUMENTS["json"]
    text = edited(document, set_key(document, ("n",), 1, after="a")).text
    assert '  "a": 1, // one\n  "n": 1,\n  "b"' in text
    text = edited(document, set_key(document, ("c", "n"), 1)).text
    assert '    "d": "text", /* last */\n    "n": 1\n  }' in text


def test_line_breaks_are_the_file_s_own():
    document = DOCUMENTS["yaml-crlf"]
    text = edited(document, set_key(document, ("p", "q"), 1), set_key(document, ("lora", "n"), 2)).text
    assert "\n" not in text.replace("\r\n", "")


def test_files_without_a_pair():
    for text, path in [
        ("", "x.yaml"),
        ("# c", "x.yaml"),
        ("# c\n", "x.yml"),
        ("", "x.toml"),
        ("", "x.json"),
        ("{}", "x.json"),
    ]:
        document = Document.parse(text, path)
        assert edited(document, set_key(document, ("a", "b"), 1)).values() == {"a": {"b": 1}}
    document = Document.parse("a: |\n  x", "x.yaml")
    assert edited(document, set_key(document, ("b",), 1)).values() == {"a": "x", "b": 1}
    document = Document.parse("a: |+\n  x\n\n\n", "x.yaml")
    assert edited(document, set_key(document, ("b",), 1)).values() == {"a": "x\n\n\n", "b": 1}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: &x {r: 1}\nb: *x\n", ("a", "r")),
        ("a: &x {r: 1}\nb: *x\n", ("b", "r")),
        ("a: &x {r: 1}\nb: *x\n", ("a",)),
        ("a: 1\n", ("a", "b")),
        ("- 1\n", ("a",)),
        ("a: 1\n", ()),
        ("a: [1]\n", ("a", 3)),
        ("text", ("a",)),
    ],
)
def test_what_would_touch_something_else_is_refused(text: str, path: tuple[str | int, ...]):
    assert set_key(Document.parse(text), path, 5) is None


def test_an_alias_and_a_merged_key_are_overridden_in_place():
    document = Document.parse("a: &x\n  r: 1\n  s: 2\nb:\n  <<: *x\n  t: 3\nc: *x\n")
    after = edited(document, set_key(document, ("b", "r"), 5), set_key(document, ("c",), 6))
    assert after.values() == {"a": {"r": 1, "s": 2}, "b": {"r": 5, "s": 2, "t": 3}, "c": 6}
    assert remove_key(document, ("b", "r")) is None


def test_toml_cannot_say_null():
    assert set_key(DOCUMENTS["toml"], ("a",), None) is None
    assert write_value([None, math.inf, -math.inf, 1e-5, 3], "yaml") == "[null, .inf, -.inf, 1.0e-05, 3]"


def test_a_broken_file_can_still_be_mended():
    document = Document.parse("a: 1\nb: [\nc: 3\n")
    assert edited(document, set_key(document, ("c",), 4)).values()["c"] == 4
    assert edited(document, set_key(document, ("a",), 4)).values()["a"] == 4


def test_overlapping_edits_are_refused():
    with pytest.raises(ValueError, match="overlap"):
        apply_edits("abc", [TextEdit(0, 2, "x"), TextEdit(1, 3, "y")])
    assert apply_edits("abc", [TextEdit(1, 1, "x"), TextEdit(1, 1, "y"), TextEdit(3, 3, "z")]) == "axybcz"


def test_json_keeps_letters_of_any_alphabet():
    document = Document.parse('{"a": 1}', language="json")
    edit = set_key(document, ("größe", "名"), "жар")
    assert edit is not None
    after = apply_edits(document.text, (edit,))
    assert '"größe": {"名": "жар"}' in after
    assert "\\u" not in after


TOGETHER = {
    "yaml": [
        [("lr",), 2e-5],
        [("lora", "r"), 16],
        [("lora", "dropout"), 0.1],
        [("new",), True],
        [("newer",), "word"],
        [("flow", "a"), 2],
        [("flow", "c"), [1]],
        [("deep", 0, "val"), 3],
        [("text",), "short"],
        [("fresh", "a"), "auto"],
        [("fresh", "deeper", "b"), 1],
        [("fresh", "deeper", "c"), [2]],
        [("fresh", "d"), True],
    ],
    "json": [[("a",), 2], [("b", "x"), 3], [("e", "f"), 4], [("g",), [5]]],
    "toml": [[("a",), 2], [("t", "k"), "w"], [("t", "sub", "r"), 4], [("b",), 5], [("c",), 6]],
}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("backwards", [False, True])
def test_many_keys_at_once_as_one_after_the_other(name: str, backwards: bool) -> None:
    document = DOCUMENTS[name]
    keys = TOGETHER[name.partition("-")[0]][:: -1 if backwards else 1]
    edits = set_keys(document, [(path, value) for path, value in keys])
    assert edits is not None
    one_by_one = document
    for path, value in keys:
        edit = set_key(one_by_one, path, value)
        assert edit is not None
        text = apply_edits(one_by_one.text, (edit,))
        one_by_one = Document.parse(text, document.path, document.language)
    after = apply_edits(document.text, edits)
    assert Document.parse(after, document.path, document.language).values() == one_by_one.values()
    assert after == one_by_one.text


@pytest.mark.parametrize(
    "keys",
    [
        [(("fresh", "a"), 1), (("fresh", "a"), 2)],
        [(("fresh", "a"), 1), (("fresh", "a", "b"), 2)],
        [(("fresh",), {"a": 1}), (("fresh", "b"), 2)],
        [(("lr",), 1), (("lr",), 2)],
        [(("lora",), 1), (("lora", "r"), 2)],
        [((), 1)],
    ],
)
def test_keys_that_need_each_other_are_not_set_at_once(keys: list[tuple[tuple[str, ...], Any]]) -> None:
    assert set_keys(DOCUMENTS["yaml"], keys) is None
