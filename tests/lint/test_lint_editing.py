import pytest
from work import calls

from vramlint.dialects.kit.dialect import REMOVE, SetKey
from vramlint.document import Document
from vramlint.document.edit import TextEdit, apply_edits
from vramlint.lint.editing import difference, edits_of_keys

TEXT = "vramlint: 1\nmodel: HuggingFaceTB/SmolLM2-360M # small\nnodes: 2\n"


def test_several_keys_of_one_new_mapping() -> None:
    document = Document.parse(TEXT, "x.yaml")
    keys = (SetKey(("adapter", "r"), 16), SetKey(("adapter", "alpha"), 32), SetKey(("nodes",), REMOVE))
    edits = edits_of_keys(document, keys)
    assert edits is not None
    after = Document.parse(apply_edits(TEXT, edits), "x.yaml")
    assert after.values() == {
        "vramlint": 1,
        "model": "HuggingFaceTB/SmolLM2-360M",
        "adapter": {"r": 16, "alpha": 32},
    }
    assert "# small" in after.text


def test_nothing_to_change_is_no_edit() -> None:
    document = Document.parse(TEXT, "x.yaml")
    assert edits_of_keys(document, (SetKey(("absent",), REMOVE),)) is None


def test_a_key_that_is_not_there_is_removed_without_an_edit() -> None:
    document = Document.parse(TEXT, "x.yaml")
    keys = (SetKey(("absent",), REMOVE), SetKey(("nodes",), 4))
    edits = edits_of_keys(document, keys)
    assert edits is not None
    assert apply_edits(TEXT, edits) == TEXT.replace("nodes: 2", "nodes: 4")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb\nc\n", "a\nc\n"),
        ("", "x"),
        ("a\r\nb", "a\r\nc\r\nb"),
        ("a", "a"),
        ("a\nb\nc\nd\n", "x\nb\nd\n"),
        ("x\nb\nd\n", "a\nb\nc\nd\n"),
    ],
)
def test_difference(before: str, after: str) -> None:
    assert apply_edits(before, difference(before, after)) == after


def test_edits_far_apart_in_a_long_text_are_found_in_few_steps() -> None:
    middle = "".join(f"  - path: data-{number}\n    type: alpaca\n" for number in range(2_500))
    before = f"batch: 2\ndatasets:\n{middle}bf16: true\n"
    after = f"batch: 1\ndatasets:\n{middle}bf16: true\nadapter: lora\n"
    found: list[TextEdit] = []
    assert calls(lambda: found.extend(difference(before, after))) < 10 * len(before.splitlines())
    assert [edit.text for edit in found] == ["batch: 1\n", "adapter: lora\n"]
    assert apply_edits(before, found) == after
