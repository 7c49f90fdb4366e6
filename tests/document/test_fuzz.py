"""Whatever the text, there is a document."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from properties import examples
from work import processor_seconds

from vramlint.document import Document, Node
from vramlint.document.edit import remove_key, set_key

from .test_values import LOADERS, same

sys.path.append(str(Path(__file__).parents[2]))

from fuzz.pieces import CONFIGS

YAML_TEXT = """\
# vramlint: gpu=A100-80GB x8
base_model: meta-llama/Llama-3.1-8B   # which
load_in_4bit: true
defaults: &d
  type: chat_template
  roles: {input: [user, "system"], output: ['assistant']}
datasets:
  - path: data/train.jsonl
    <<: *d
  - {path: "other\\tdata", type: alpaca}
lora_target_modules: [q_proj, v_proj,
  k_proj]
chat_template: |-
  {% for message in messages %}  # not a comment
    {{ message }}
  {% endfor %}

folded: >
  some text
learning_rate: 2e-4
val_set_size:
special_tokens: !!map
  pad_token: "<|end_of_text|>"
multi: plain text
  over lines
"""
JSON_TEXT = """\
{
  // DeepSpeed
  "bf16": {"enabled": "auto"}, /* two
  lines */ "zero_optimization": {
    "stage": 3, "offload_optimizer": {"device": "cpu", "pin_memory": true},
    "stage3_param_persistence_threshold": 1e5, "n": [1, -2.5, null, {"a\\u00e9": "x\\"y"}]
  },
}
"""
TOML_TEXT = """\
title = "a \\"quoted\\" # text" # comment
[model]
name = 'meta/llama'
flavor.size = "8B"
[[data]]
path = \"\"\"
two # lines
\"\"\"
weights = [ 1.0, 2e-5, # inner
  3 ]
[data.opts]
x = { y = 1, "z z" = [true, 2024-01-02] }
[model.parallel]
tp = 0x2
"""
TEXTS = {"yaml": YAML_TEXT, "json": JSON_TEXT, "toml": TOML_TEXT}


def longest(language: Any) -> float:
    """Processor time that parsing a broken text may take, by what the whole one takes on this machine."""
    return 500 * processor_seconds(lambda: Document.parse(TEXTS[language], language=language), runs=10)


LONGEST = {language: longest(language) for language in TEXTS}


def check(text: str, language: Any) -> Document:
    """Parse, and look at everything a document offers."""
    start = time.process_time()
    document = Document.parse(text, language=language)
    took = time.process_time() - start
    if took >= LONGEST[language]:  # the collector may have fallen into it
        took = processor_seconds(lambda: Document.parse(text, language=language), runs=3)
    assert took < LONGEST[language]
    document.values()
    end = len(text)
    for problem in document.problems:
        assert 0 <= problem.span.start <= problem.span.end <= end, problem
        assert problem.message
    for comment in document.comments:
        assert text[slice(*comment.span)] == comment.text
    stack: list[Node] = [document.root] if document.root else []
    while stack:
        node = stack.pop()
        assert 0 <= node.span.start <= node.span.end <= end, node
        stack += [*node.items, *(pair.key for pair in node.pairs), *(pair.value for pair in node.pairs)]
    for offset in (0, end // 2, end):
        place = document.place_at(offset)
        if place is not None:
            assert document.node(place.path) is not None
            document.nearest_span(place.path)
    return document


@pytest.mark.parametrize("language", TEXTS)
def test_cut_at_every_offset(language: str):
    text = TEXTS[language]
    for offset in range(len(text)):
        check(text[:offset], language)


@pytest.mark.parametrize("language", TEXTS)
def test_without_each_character(language: str):
    text = TEXTS[language]
    for offset in range(len(text)):
        check(text[:offset] + text[offset + 1 :], language)


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize(
    "character", ["[", "{", '"', "'", ":", "-", "\t", "\n", "&", "*", "\x00", "𝄞", "#", ","]
)
def test_with_a_character_at_every_offset(character: str, language: str):
    text = TEXTS[language]
    for offset in range(0, len(text), 3):
        check(text[:offset] + character + text[offset:], language)


@pytest.mark.parametrize("language", TEXTS)
def test_each_text_read_as_another_language(language: str):
    for text in TEXTS.values():
        check(text, language)


@given(CONFIGS | st.text(max_size=60))
@examples(400)
@pytest.mark.parametrize("language", TEXTS)
@example("? &x\n: *x\n")
@example("&a [*a, {<<: *a}]")
@example("[//\ud800")
@example("\ta\n    a")
def test_any_text(language: str, text: str):
    document = check(text, language)
    set_key(document, ("a", "b"), 1)
    set_key(document, ("a",), "x")
    remove_key(document, ("a",))


@given(CONFIGS)
@examples(300)
@pytest.mark.parametrize("language", TEXTS)
def test_values_and_problems_agree_with_the_reader(language: Any, text: str):
    text = text.replace("\ufeff", "")  # inside a text, libyaml and the pure loader differ on it
    document = Document.parse(text, language=language)
    problems = [problem for problem in document.problems if problem.kind != "duplicate-key"]
    try:
        expected = LOADERS[language](text)
    except REFUSALS:
        assert problems or (language == "yaml" and not refused_by_libyaml(text))
    else:
        assert problems == []
        assert same(document.values() if language != "toml" else document.values() or {}, expected)


REFUSALS = (ValueError, TypeError, LookupError, AttributeError, RecursionError, yaml.YAMLError)


def refused_by_libyaml(text: str) -> bool:
    """Whether a text has a mistake that the C loader sees too; several documents are none."""
    try:
        yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except REFUSALS as error:
        return "single document" not in str(error)
    return False


@given(st.binary(max_size=80))
def test_any_bytes(data: bytes):
    document = Document.from_bytes(data, "x.yaml")
    assert document.root is not None or not document.values()
