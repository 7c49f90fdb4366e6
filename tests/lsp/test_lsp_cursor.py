"""What is being typed, in texts that do not parse."""

from __future__ import annotations

import pytest

from vramlint.document import Document, Language
from vramlint.lsp.cursor import cursor_at
from vramlint.lsp.hover import plain
from vramlint.lsp.session import overrides_of
from vramlint.project.overrides import Overrides


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("yaml", "mod|", ("key", (), "mod")),
        ("yaml", "a: 1\n|", ("key", (), "")),
        ("yaml", "model: meta|", ("value", ("model",), "meta")),
        ("yaml", "model: |", ("value", ("model",), "")),
        ("yaml", "model:|", None),
        ("yaml", "a:\n  b:\n    c|", ("key", ("a", "b"), "c")),
        ("yaml", "a:\n  b: 1\n  c|", ("key", ("a",), "c")),
        ("yaml", "a:\n b:\n  c|", ("key", ("a", "b"), "c")),
        ("yaml", "a:\n  b:\n    c: x\nd|", ("key", (), "d")),
        ("yaml", "a:\n  - b: x|", ("value", ("a", "b"), "x")),
        ("yaml", "a:\n  - b: x\n    c: y|", ("value", ("a", "c"), "y")),
        ("yaml", "a:\r\n  b|", ("key", ("a",), "b")),
        ("yaml", '"a b": x|', ("value", ("a b",), "x")),
        ("yaml", "🦙: x|", ("value", ("🦙",), "x")),
        ("yaml", "a: 1 # not here|", None),
        ("json", '{"a": {"b|', ("key", ("a",), '"b')),
        ("json", '{"a": {"b": "x|', ("value", ("a", "b"), '"x')),
        ("json", '{"a": {"b": 1}, "c|', ("key", (), '"c')),
        ("toml", "a|", ("key", (), "a")),
        ("toml", "[a.b]\nc = x|", ("value", ("a", "b", "c"), "x")),
        ("toml", "[[a]]  # one\nc|", ("key", ("a",), "c")),
        ("toml", "a.b = |", ("value", ("a", "b"), "")),
        ("toml", "[tra|", ("table", (), "tra")),
        ("toml", "a = [1,\n 2|", ("item", ("a",), "2")),
        ("toml", "[t]\na = {b = x|", ("value", ("t", "a", "b"), "x")),
        ("toml", "[t]\nabc = [1, 2|", ("item", ("t", "abc"), "2")),
        ("toml", "a = [1]\nb|", ("key", (), "b")),
        ("json", '{"a": [0.9, 1|', ("item", ("a",), "1")),
        ("json", '{"a": {"b": [1]}, "c": "x|', ("value", ("c",), '"x')),
        ("json", '[{"a": {"b|', ("key", ("a",), '"b')),
        ("yaml", "a: {b: x, c|", ("key", ("a",), "c")),
        ("yaml", "a: {b: x|", ("value", ("a", "b"), "x")),
        ("yaml", "a: {b: {c: 1}, d: x|", ("value", ("a", "d"), "x")),
        ("yaml", "a:\n  b: [q,\n    v|", ("item", ("a", "b"), "v")),
        ("yaml", "a: [q, v]\nb|", ("key", (), "b")),
        ("yaml", "a: [q,\nb: x|", ("value", ("b",), "x")),
        ("yaml", "{\n  'a': {\n    'b': x|", ("value", ("a", "b"), "x")),
        ("yaml", "a:\n  - b|: 1", ("key", ("a",), "b")),
        ("yaml", "a: train[:1|", ("value", ("a",), "train[:1")),
        ("yaml", "a: http://x|", ("value", ("a",), "http://x")),
    ],
)
def test_cursor(language: Language, text: str, expected: tuple[str, tuple[str, ...], str] | None) -> None:
    offset = text.index("|")
    text = text.replace("|", "")
    cursor = cursor_at(Document.parse(text, None, language), offset)
    found = None if cursor is None else (cursor.part, cursor.path, cursor.typed)
    assert found == expected
    if cursor is not None:
        assert text[cursor.span.start : cursor.span.end] == cursor.typed


@pytest.mark.parametrize("text", ["a: [\n b: {\n", "- - - x: \n", "\t\tx: 1\n", "{{{{\n", "a: |\n  text\n"])
@pytest.mark.parametrize("language", ["yaml", "json", "toml"])
def test_cursor_is_never_at_a_loss(language: Language, text: str) -> None:
    document = Document.parse(text, None, language)
    for offset in range(len(text) + 1):
        cursor_at(document, offset)


def test_plain_text_keeps_words_and_drops_marks() -> None:
    text = "**micro_batch_size** `4`\n\n| GiB | whole |\n|:--|--:|\n| weights | 15.0 |\n\n_assumed: x_"
    shown = plain(text)
    assert "micro_batch_size 4" in shown
    assert "weights" in shown
    assert "15.0" in shown
    assert "assumed: x" in shown
    assert not set("*`|") & set(shown)
    assert "--" not in shown


@pytest.mark.parametrize("section", [None, 3, "x", [], {"gpu": 4}, {"gpu": " "}, {"versions": "x"}])
def test_settings_of_other_types_count_as_unset(section: object) -> None:
    assert overrides_of(section) == Overrides()


def test_settings() -> None:
    settings = overrides_of({"gpu": " T4 x2 ", "versions": {"TRL": "1.10"}, "other": 1})
    assert settings.gpu == "T4 x2"
    assert settings.versions == {"trl": "1.10"}


def test_a_table_that_is_taken_up_again_hides_none_between() -> None:
    text = "[a]\nx=1\n[z]\ny=2\n[a.b]\nc=3\n"
    document = Document.parse(text, "x.toml", "toml")
    places = [document.place_at(text.index(key)) for key in ("x=", "y=", "c=")]
    assert [place.path for place in places if place] == [("a", "x"), ("z", "y"), ("a", "b", "c")]
