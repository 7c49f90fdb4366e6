"""The YAML tree: places, anchors, merges, limits."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from work import calls, processor_seconds

import vramlint.document.yaml.compose as our_yaml
from vramlint.document import Document, Place, Span
from vramlint.document.document import LONGEST_CONFIG
from vramlint.files import Unreadable

TEXT = """\
# top
model: x/y  # which
lora:
  # inside
  r: 16
  targets: [q_proj, "v_proj"]   # two
empty:
list:
  - name: a
    size: 1
  - b
note: |  # header
  text # no comment

last: 1
"""


def written(document: Document, span: Span | None) -> str:
    assert span is not None
    return document.text[span.start : span.end]


def test_spans_of_keys_and_values():
    document = Document.parse(TEXT)
    assert written(document, document.key_span(("lora", "r"))) == "r"
    assert written(document, document.value_span(("lora", "r"))) == "16"
    assert written(document, document.value_span(("lora", "targets"))) == '[q_proj, "v_proj"]'
    assert written(document, document.value_span(("lora", "targets", 1))) == '"v_proj"'
    assert written(document, document.value_span(("list", 0))) == "name: a\n    size: 1"
    assert written(document, document.value_span(("lora",))).startswith("r: 16")
    assert written(document, document.value_span(("lora",))).endswith('"v_proj"]')
    assert written(document, document.key_span(("list", 1))) == "b"
    assert document.key_span(("nothing",)) is None
    assert document.value_span(("lora", "r", "deeper")) is None
    assert document.node(("list", 7)) is None


def test_a_missing_value_stands_right_behind_its_colon():
    document = Document.parse("a:   \nb: 1\n")
    assert document.value_span(("a",)) == Span(2, 2)
    assert document.node(("a",)).value is None
    assert document.place_at(5) == Place(("a",), "value")


def test_nearest_span_climbs_to_what_exists():
    document = Document.parse(TEXT)
    assert written(document, document.nearest_span(("lora", "alpha"))) == "lora"
    assert written(document, document.nearest_span(("list", 0, "nope"))) == "name: a\n    size: 1"
    assert written(document, document.nearest_span(("nope",))) == "model: x/y  # which"
    assert Document.parse("").nearest_span(("a",)) == Span(0, 0)


@pytest.mark.parametrize(
    ("mark", "place"),
    [
        ("model", Place(("model",), "key")),
        ("x/y", Place(("model",), "value")),
        ("r: 16", Place(("lora", "r"), "key")),
        ("16", Place(("lora", "r"), "value")),
        ("v_proj", Place(("lora", "targets", 1), "value")),
        ("size", Place(("list", 0, "size"), "key")),
        ("b\nnote", Place(("list", 1), "value")),
        ("# top", None),
    ],
)
def test_place_at(mark: str, place: Place | None):
    assert Document.parse(TEXT).place_at(TEXT.index(mark)) == place


def test_comments():
    comments = Document.parse(TEXT).comments
    assert [(comment.text, comment.line, comment.own_line) for comment in comments] == [
        ("# top", 0, True),
        ("# which", 1, False),
        ("# inside", 3, True),
        ("# two", 5, False),
        ("# header", 11, False),
    ]


def test_hashes_that_are_no_comments():
    text = "a: b#c\nd: 'x # y'\ne: \"# z\"\nf: &x#y !t#u 1\ng: >\n  # folded\n"
    assert Document.parse(text, language="yaml").comments == ()


def test_an_alias_keeps_its_own_place():
    document = Document.parse("a: &x {r: 16}\nb: *x\n")
    alias = document.node(("b",))
    assert alias.kind == "alias"
    assert written(document, alias.span) == "*x"
    assert alias.resolved() is document.node(("a",))
    assert written(document, document.value_span(("a",))) == "{r: 16}"
    assert document.node(("b", "r")).value == 16


def test_merge_keys_say_where_they_come_from():
    document = Document.parse("base: &x\n  r: 16\n  s: 1\nlora:\n  <<: *x\n  s: 2\n")
    merged = document.pair(("lora", "r"))
    assert written(document, merged.merged_from) == "<<"
    assert merged.value.value == 16
    assert document.pair(("lora", "s")).merged_from is None
    assert document.values()["lora"] == {"r": 16, "s": 2}
    assert document.pair(("lora", "<<")) is None
    assert document.place_at(document.text.index("16")) == Place(("base", "r"), "value")


def test_both_readings_of_a_scalar():
    node = Document.parse("lr: 1e-5\n").node(("lr",))
    assert (node.value, node.raw, node.style) == ("1e-5", "1e-5", "plain")
    node = Document.parse("a: 0o10\n").node(("a",))
    assert node.value == "0o10"


def test_duplicate_keys():
    document = Document.parse("a: 1\nb: {c: 1, c: 2}\na: 3\n")
    assert [(problem.kind, problem.span) for problem in document.problems] == [
        ("duplicate-key", Span(15, 16)),
        ("duplicate-key", Span(21, 22)),
    ]
    assert document.value_span(("a",)) == Span(24, 25)
    assert document.values() == {"a": 3, "b": {"c": 2}}


def test_several_documents():
    document = Document.parse("---\n# nothing\n---\na: 1\n---\nb: 2\n")
    assert document.values() == {"a": 1}
    assert [other.value for other in document.others] == [{"b": 2}]
    broken = Document.parse("a: 1\n---\nb: [\n")
    assert broken.values()["a"] == 1


def parsing_calls(text: str, language: str = "yaml") -> int:
    """How many functions are called to parse a text."""
    return calls(lambda: Document.parse(text, language=language))


@pytest.mark.parametrize("text", ["[" * 50_000, "[" * 50_000 + "]" * 50_000, "{a: " * 50_000, "- " * 50_000])
@pytest.mark.parametrize("language", ["yaml", "json", "toml"])
def test_deep_nesting(text: str, language: str):
    head = "a = " if language == "toml" else ""
    assert Document.parse(head + text, language=language).problems
    half, whole = (parsing_calls(head + part, language) for part in (text[: len(text) // 2], text))
    assert whole <= 2.1 * half + 1000


def test_depth_cap_says_so():
    document = Document.parse("a: " + "[" * 300 + "]" * 300 + "\nb: 1\n")
    assert [problem.kind for problem in document.problems] == ["too-deep"]
    assert document.values()["b"] == 1
    assert Document.parse("a: " + "[" * 150 + "]" * 150).problems == ()


def test_alias_bombs_cost_nothing():
    text = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
    text += "m0: &m0 {k: 1}\n" + "".join(
        f"m{i}: &m{i} {{<<: [*m{i - 1}, *m{i - 1}]}}\n" for i in range(1, 60)
    )
    document = Document.parse(text)
    assert [problem.kind for problem in document.problems] == ["too-large"]
    assert document.values()["a3"] == [document.values()["a2"]] * 2


def test_size_cap():
    text = "first: 1\n" + "a: 1\n" * LONGEST_CONFIG
    document = Document.parse(text)
    assert document.values() == {"first": 1, "a": 1}
    assert document.text == text
    assert [problem.kind for problem in document.problems] == ["too-large"]


@pytest.mark.parametrize("data", [b"\x80\x81", b"\x7fELF\x02\x01\x01\x00\xff\xfe", b"a: \xe9\n", b"a: 1\0\n"])
def test_binary_files(data: bytes):
    document = Document.from_bytes(data, "x.yaml")
    assert document.root is None
    assert [problem.kind for problem in document.problems] == ["encoding"]


def test_reading_files(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_bytes("a: é\n".encode("utf-16"))
    assert Document.read(str(path)).values() == {"a": "é"}
    with pytest.raises(Unreadable, match="no such file"):
        Document.read(str(tmp_path / "none.yaml"))


def test_control_characters_keep_the_rest():
    document = Document.parse("a: 1\nb: x\x00y\nc: 2\n")
    assert document.values()["c"] == 2
    assert document.problems[0].kind == "encoding"
    assert document.problems[0].span == Span(9, 10)


def test_a_directive_that_yaml_says_to_ignore():
    document = Document.parse("%FOO bar\n---\na: 1\n", language="yaml")
    assert not document.problems
    assert document.values() == {"a": 1}


def test_languages():
    assert Document.parse("{}", None).language == "json"
    assert Document.parse("{}", "a/b.yaml").language == "yaml"
    assert Document.parse("a = 1", "pyproject.toml").language == "toml"
    assert Document.parse(" [1]").language == "json"
    assert Document.parse("a: 1").language == "yaml"
    assert Document.parse('// c\n{"a": 1,}', "x.jsonc").problems == ()


def test_the_pure_loader_builds_the_same_tree(monkeypatch):
    fast = Document.parse(TEXT)
    monkeypatch.setattr(our_yaml, "LOADER", yaml.SafeLoader)
    slow = Document.parse(TEXT)
    assert slow.values() == fast.values()
    for path in [("lora", "r"), ("list", 0), ("note",), ("empty",), ("lora", "targets")]:
        assert slow.value_span(path) == fast.value_span(path)
    assert Document.parse("a: [1\nb: 2\n").values()["b"] == 2
    assert Document.parse("[" * 2000).problems


def config(pairs: int) -> str:
    """Four lines for each of `pairs`."""
    return "".join(
        f"key_{i}: value {i}  # comment\nlora_{i}:\n  r: {i}\n  rate: 1.0e-{i}\n" for i in range(pairs)
    )


def test_the_work_grows_with_the_lines_and_no_faster():
    Document.parse(config(1))
    few, many = parsing_calls(config(50)), parsing_calls(config(100))
    assert 100 < few < many <= 2.1 * few


def test_positions_cost_little_beside_reading():
    """PyYAML's own loader does the same without them, on top of the same parser."""
    text = config(25)
    ours = processor_seconds(lambda: Document.parse(text), runs=20)
    assert ours <= 3 * processor_seconds(lambda: yaml.load(text, yaml.CSafeLoader), runs=20)


def test_yaml_needs_neither_json_nor_toml():
    code = (
        "import sys; from vramlint.document import Document; Document.parse('a: 1', 'x.yaml');"
        "print([name for name in ('json', 'tomllib', 'difflib', 'asyncio') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
