"""Comments that vramlint writes: after a byte order mark, with the document's own line ending."""

import pytest

from vramlint.document import Document
from vramlint.document.comment_edit import comment_above_line, comment_at_top, comment_on_line
from vramlint.document.edit import apply_edits, line_ending

ENDINGS = ["\n", "\r\n", "\r"]
MARK = "\ufeff"


@pytest.mark.parametrize("bom", ["", MARK])
@pytest.mark.parametrize("end", ENDINGS)
def test_a_comment_at_the_top_keeps_the_mark_and_the_ending(bom: str, end: str) -> None:
    text = f"{bom}a: 1{end}b: 2{end}"
    document = Document.parse(text, "x.yaml")
    after = apply_edits(text, (comment_at_top(document, "vramlint: gpu=T4"),))
    assert after == f"{bom}# vramlint: gpu=T4{end}a: 1{end}b: 2{end}"
    assert Document.parse(after, "x.yaml").values() == {"a": 1, "b": 2}
    assert [comment.line for comment in Document.parse(after, "x.yaml").comments] == [0]


@pytest.mark.parametrize("bom", ["", MARK])
@pytest.mark.parametrize("end", ENDINGS)
def test_a_comment_above_a_line_is_indented_like_it(bom: str, end: str) -> None:
    text = f"{bom}a:{end}  b: 2{end}"
    document = Document.parse(text, "x.yaml")
    inner = apply_edits(text, (comment_above_line(document, 1, "why"),))
    assert inner == f"{bom}a:{end}  # why{end}  b: 2{end}"
    first = apply_edits(text, (comment_above_line(document, 0, "why"),))
    assert first == f"{bom}# why{end}a:{end}  b: 2{end}"


@pytest.mark.parametrize("end", ENDINGS)
def test_a_comment_on_a_line_replaces_trailing_space(end: str) -> None:
    text = f"a: 1   {end}b: 2 # two{end}"
    document = Document.parse(text, "x.yaml")
    edit = comment_on_line(document, 0, "one")
    assert edit is not None
    assert apply_edits(text, (edit,)) == f"a: 1  # one{end}b: 2 # two{end}"
    assert comment_on_line(document, 1, "again") is None


@pytest.mark.parametrize(
    ("text", "end"),
    [("", "\n"), ("a", "\n"), ("a\rb\n", "\r"), ("a\r\nb\n", "\r\n"), ("a\nb\r\n", "\n"), ("a\r", "\r")],
)
def test_the_ending_is_that_of_the_first_line(text: str, end: str) -> None:
    assert line_ending(Document.parse(text, "x.json")) == end
