"""Half-typed YAML: what stays readable while somebody writes."""

from __future__ import annotations

import pytest

from vramlint.document import Document, walk

NINE_KEYS = """\
base_model: HuggingFaceTB/SmolLM2-135M
sequence_len: 2048
adapter: lora
lora:
  r: 16
  targets: [q_proj, v_proj]
datasets:
  - path: data/train.jsonl
    type: chat
optimizer: adamw_torch
"""
PATHS = [
    ("base_model",),
    ("sequence_len",),
    ("adapter",),
    ("lora", "r"),
    ("lora", "targets"),
    ("datasets", 0, "path"),
    ("datasets", 0, "type"),
    ("datasets",),
    ("optimizer",),
]

BREAKAGES = {
    "bare key": ("sequence_len: 2048", "sequence_len"),
    "partial last key": ("optimizer: adamw_torch\n", "optimizer: adamw_torch\nlearn"),
    "partial nested key": ("  r: 16\n", "  r: 16\n  alph\n"),
    "missing space": ("adapter: lora", "adapter:lora"),
    "open bracket": ("[q_proj, v_proj]", "[q_proj, v_proj"),
    "open brace": ("adapter: lora", "adapter: {lora"),
    "open quotes": ("adapter: lora", "adapter: 'lora"),
    "open quotes at the start": ("base_model: Hugging", 'base_model: "Hugging'),
    "deeper than its sibling": ("  targets:", "   targets:"),
    "shallower than its sibling": ("  targets:", " targets:"),
    "tab": ("  r: 16", "\tr: 16"),
    "lone dash": ("adapter: lora\n", "adapter: lora\n-\n"),
    "two colons": ("adapter: lora", "adapter: lora: x"),
    "conflict": (
        "adapter: lora\n",
        "<<<<<<< HEAD\nadapter: lora\n=======\nadapter: qlora\n>>>>>>> theirs\n",
    ),
    "unknown alias": ("sequence_len: 2048", "sequence_len: *length"),
    "template": ("sequence_len: 2048", "sequence_len: {{ length }}"),
    "at sign": ("adapter: lora", "adapter: @lora"),
    "percent": ("adapter: lora", "adapter: %lora"),
    "open list in a list": ("  - path: data/train.jsonl", "  - path: [data/train.jsonl"),
}


def kept(text: str) -> list[tuple[str | int, ...]]:
    document = Document.parse(text, "run.yaml")
    return [path for path in PATHS if document.node(path) is not None]


def test_the_whole_document_has_all_nine():
    assert kept(NINE_KEYS) == PATHS
    assert Document.parse(NINE_KEYS).problems == ()


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_line_costs_at_most_one_key(name: str):
    old, new = BREAKAGES[name]
    assert old in NINE_KEYS
    text = NINE_KEYS.replace(old, new)
    assert len(kept(text)) >= 8
    assert Document.parse(text).problems


def test_nearly_every_key_survives():
    total = sum(len(kept(NINE_KEYS.replace(*change))) for change in BREAKAGES.values())
    assert total >= 9 * len(BREAKAGES) * 140 / 144


def test_what_is_untouched_keeps_its_exact_value_and_place():
    document = Document.parse(NINE_KEYS.replace("adapter: lora", "adapter: [lora"))
    assert document.values()["sequence_len"] == 2048
    assert document.values()["lora"] == {"r": 16, "targets": ["q_proj", "v_proj"]}
    for path, node in walk(document.root):
        if node.kind == "scalar" and node.style == "plain" and path != ("adapter", 0):
            assert document.text[node.span.start : node.span.end] == node.raw
            assert not node.recovered


def test_nodes_of_the_broken_block_are_marked():
    document = Document.parse(NINE_KEYS.replace("  targets:", "   targets:"))
    assert document.node(("lora", "r")).recovered
    assert document.values()["lora"] == {"r": 16, "targets": ["q_proj", "v_proj"]}
    assert not document.node(("sequence_len",)).recovered


def test_the_problem_is_on_the_broken_line():
    for name in ("open bracket", "open quotes", "tab", "two colons", "at sign", "bare key"):
        old, new = BREAKAGES[name]
        text = NINE_KEYS.replace(old, new)
        document = Document.parse(text)
        wanted = text[: text.index(new)].count("\n")
        assert document.lines.line(document.problems[0].span.start) in (wanted, wanted + 1), name


def test_conflict_markers_name_themselves():
    document = Document.parse(NINE_KEYS.replace(*BREAKAGES["conflict"]))
    assert [problem for problem in document.problems if "conflict" in problem.message]
    assert document.values()["adapter"] == "qlora"


def test_a_template_stays_a_text():
    document = Document.parse("lr: {{ rate }}\nb: 1\n")
    assert document.values() == {"lr": "{{ rate }}", "b": 1}
    assert "template" in document.problems[0].message


def test_aliases_reach_across_blocks():
    document = Document.parse("a: &x {r: 1}\nb: [\nc: *x\nd:\n  <<: *x\n  s: 2\n")
    assert document.values()["c"] == {"r": 1}
    assert document.values()["d"] == {"r": 1, "s": 2}


def test_comments_survive():
    document = Document.parse("# vramlint: gpu=A100\na: [1, 2\nb: 'x # y' # z\n")
    assert [comment.text for comment in document.comments] == ["# vramlint: gpu=A100", "# z"]


def test_a_block_scalar_in_a_broken_block_is_not_read_as_keys():
    document = Document.parse("run:\n  cmd: |\n    a: 1\n    b: 2\n  x: [1\n  y: 3\n")
    assert set(document.values()["run"]) == {"cmd", "x", "y"}


def test_blocks_that_did_not_change_come_from_the_cache_with_the_right_places():
    broken = "a: [1\n"
    for filler in ("", "# one line more\n", "# 𝄞 and another\n\n"):
        document = Document.parse(filler + broken + "lora:\n  r: 16\n")
        span = document.value_span(("lora", "r"))
        assert document.text[span.start : span.end] == "16"


def test_json_in_a_yaml_file():
    document = Document.parse('{"a": 1, "b": {"c": 2,}, "d": ', "x.yaml")
    assert document.values()["b"] == {"c": 2}


@pytest.mark.parametrize(
    ("name", "words", "marked"),
    [
        ("bare key", "'sequence_len' is not a pair", "sequence_len"),
        ("partial nested key", "'alph' is not a pair", "alph"),
        ("missing space", "'adapter:lora' is not a pair", "adapter:lora"),
        ("open bracket", "add ']'", "[q_proj, v_proj"),
        ("open brace", "add '}'", "{lora"),
        ("open quotes", "quote is never closed", "'lora"),
        ("shallower than its sibling", "same column as the keys", "targets: [q_proj, v_proj]"),
        ("tab", "tabs", "\tr: 16"),
        ("two colons", "unexpected ':'", ": x"),
        ("at sign", "cannot begin with '@'", "@lora"),
        ("unknown alias", "*length has no anchor", "*length"),
    ],
)
def test_problems_say_what_to_do_where_the_mistake_is(name: str, words: str, marked: str):
    document = Document.parse(NINE_KEYS.replace(*BREAKAGES[name]))
    problem = document.problems[0]
    assert words in problem.message
    assert document.text[slice(*problem.span)] == marked
