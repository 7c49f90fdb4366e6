"""Plain values are what PyYAML, json and tomllib return."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from vramlint.document import Document, walk

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SHARED = Path(__file__).parents[3] / "shared" / "corpus"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no shared folder beside the checkout")
LOADERS = {"yaml": yaml.safe_load, "json": json.loads, "toml": tomllib.loads}

YAML_TEXTS = [
    "a: 1\nb: 1e-5\nc: 1.0e-5\n",
    "d: no\ne: 010\nf: 12:30:45\ng: 1_000\nh: ~\ni: .inf\nj: 0o10\nk: 0x1F\nl: 1e5\n",
    "a: 2024-01-02\nb: 2024-01-02T03:04:05Z\nc: '2024-01-02'\nd: 2001-12-14 21:59:43.10 -5\n",
    "a: &x {r: 1, s: 2}\nb:\n  <<: *x\n  r: 3\nc: {<<: [*x, {t: 4, r: 9}]}\n",
    "- 1\n- [a, {b: c}]\n-\n- - x\n  - y\n",
    "1: a\ntrue: b\n2.5: c\n~: d\n'5': e\non: f\n",
    "a: |\n  text # no comment\n  more\n\nb: >-\n  folded\n  text\nc: |+\n  keep\n\n",
    "a: 'it''s'\nb: \"tab\\t\\u00e9 \\U0001F600\"\nc: plain\n  over lines\n",
    "a: !!str 1\nb: !!int '2'\nc: !!float 3\nd: !!set {x, y}\ne: !!omap [a: 1]\nf: !!binary aGk=\ng: ! 5\n",
    "---\na: 1\n",
    "--- # only\n...\n",
    "%YAML 1.1\n---\na: 1\n",
    "just a text\n",
    "",
    "# only a comment\n",
    "a:\nb:\n  -\n  - x:\n",
    "? a\n: 1\n",
    "\ufeffa: 1\nb: [2]\n",
    "a: 1\r\nb:\r\n  c: 2\r\n",
    "{a: 1, b: [2, 3,], c: {d: e},}\n",
    "a: 1\na: 2\n",
    "a: &s\n  - 1\nb: *s\n",
    "anchor: &id # comment\n  k: v\nother: &n\nthird: *n\n",
    "=: 1\nx: '='\n",
    "a: [q b:, k]\nb: 1\n",
    "- {a:, b: [c:[1], d:{e: 2}]}\n- &x 1\n- *x\n",
    "- 😀 # x\n- {q b:}\n",
]
JSON_TEXTS = [
    '{"a": 1, "b": [true, false, null], "c": 1e-5, "d": -0.5E+3}',
    '{"emoji": "\\ud83d\\ude00", "line": "a\\nb", "quote": "\\""}',
    "[NaN, Infinity, -Infinity, 12345678901234567890]",
    '{"a": 1, "a": 2}',
    '"text"',
    "3",
    " \n{ }\n",
    "[[], {}, [[1]]]",
    '{"long": "' + "x" * 5000 + '", "k"\n:\t1}',
]
TOML_TEXTS = [
    "a = 1\nb.c = 2\n[t]\nx = 'lit#eral' # c\ny = \"esc\\n\"\n[t.u]\nz = [1,\n 2, # c\n]\n",
    "[[a]]\nn = 1\n[[a]]\nn = 2\n[a.b]\nm = {x = 1, 'y z' = [2]}\n",
    'm = """\nmany\n# lines"""\nl = \'\'\'\nraw "" #\'\'\'\nd = 2024-01-02\n',
    "t = 2024-01-02T03:04:05Z\nf = 5e-6\ni = inf\n",
    '"quoted key" = true\nsite."x.y" = 1\n1 = 2\n',
    "",
    "# c\n",
    "[a]\n[a.b.c]\nx = 1\n[a.d]\ny = 0x1F\n",
    "a = 1\r\n[b]\r\nc = '2'\r\n",
]


def same(ours: Any, theirs: Any) -> bool:
    """Equal in value and in type, where NaN equals NaN."""
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, float) and math.isnan(ours):
        return math.isnan(theirs)
    if isinstance(ours, dict):
        return list(map(type, ours)) == list(map(type, theirs)) and (
            ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
        )
    if isinstance(ours, (list, tuple)):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs)


def built(node: Any) -> Any:
    """The plain values put together from the leaves of the tree."""
    node = node.resolved()
    if node.kind == "map":
        return {pair.key.value: built(pair.value) for pair in node.pairs}
    return [built(item) for item in node.items] if node.kind == "seq" else node.value


@pytest.mark.parametrize("text", YAML_TEXTS)
def test_yaml_values(text: str):
    document = Document.parse(text, language="yaml")
    assert same(document.values(), yaml.safe_load(text))
    assert [problem.kind for problem in document.problems if problem.kind != "duplicate-key"] == []


@pytest.mark.parametrize("text", JSON_TEXTS)
def test_json_values(text: str):
    document = Document.parse(text, language="json")
    assert same(document.values(), json.loads(text))
    assert same(built(document.root), json.loads(text))
    assert [problem.kind for problem in document.problems if problem.kind != "duplicate-key"] == []


@pytest.mark.parametrize("text", TOML_TEXTS)
def test_toml_values(text: str):
    document = Document.parse(text, language="toml")
    assert same(document.values() or {}, tomllib.loads(text))
    assert document.root is None or same(built(document.root), tomllib.loads(text))
    assert document.problems == ()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("yaml", "a: !mine 1\n"),
        ("yaml", "a: !!python/object:os.system {}\n"),
        ("yaml", "a: 2024-13-45\n"),
        ("yaml", "? [x]\n: 1\n"),
        ("yaml", "a: *b\n"),
        ("yaml", "a: &x {r: 1}\nb: &x {r: 2}\nc: *x\n"),
        ("yaml", "a: &a [*a]\n<<: 1\n"),
        ("yaml", "<<: 1\n"),
        ("yaml", "a:\t1\n"),
        ("yaml", '{\n\t"a": 1}\n'),
        ("yaml", "a: b: c\n"),
        ("yaml", "a: <<\n"),
        ("yaml", "a: 0b_\n"),
        ("yaml", "a: \x00\n"),
        ("yaml", "a: \ud800\n"),
        ("json", "{'a': 1}"),
        ("json", '{"a": 1,}'),
        ("json", '{"a": 1} // c'),
        ("json", '{"a": 01}'),
        ("json", '{"a": tru}'),
        ("json", ""),
        ("json", '{"a": "b\tc"}'),
        ("json", '{"a": "\\x"}'),
        ("json", '{"a" 1}'),
        ("json", '{"a": 1 "b": 2}'),
        ("json", "[1 2]"),
        ("json", "[1,,2]"),
        ("json", "[1]]"),
        ("json", "{]"),
        ("json", "\ufeff{}"),
        ("toml", "a = yes\n"),
        ("toml", "a = 1\na = 2\n"),
        ("toml", "[a\nb = 1\n"),
        ("toml", "a = 'x\n"),
        ("toml", "a\n"),
        ("toml", "a = [1\n"),
        ("toml", "a = 1\n[a]\nb = 1\n"),
    ],
)
def test_what_the_reader_refuses_is_a_problem(language: Any, text: str):
    with pytest.raises((ValueError, yaml.YAMLError)):
        LOADERS[language](text)
    problems = Document.parse(text, language=language).problems
    assert any(problem.kind in ("syntax", "encoding") for problem in problems)
    assert all(
        problem.message[0] == problem.message[0].lower() or problem.message[:4] == "JSON"
        for problem in problems
    )


@pytest.mark.shared
@shared
@pytest.mark.parametrize("kind", ["yaml", "yml", "json", "toml"])
def test_corpus(kind: str):
    loader = LOADERS["yaml" if kind == "yml" else kind]
    for path in sorted(SHARED.rglob(f"*.{kind}")):
        document = Document.read(str(path))
        text = document.text
        try:
            expected = loader(text)
        except (ValueError, yaml.YAMLError):
            assert document.problems or document.others, path
            continue
        assert same(document.values() if kind != "toml" else document.values() or {}, expected), path
        assert [problem for problem in document.problems if problem.kind != "duplicate-key"] == [], path
        for _, node in walk(document.root) if document.root else ():
            if node.kind == "scalar" and node.style == "plain" and "\n" not in text[slice(*node.span)]:
                assert text[node.span.start : node.span.end] == node.raw, path
