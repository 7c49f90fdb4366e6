import pytest

from vramlint.document import Document
from vramlint.lint.directives import read_directives


def read(text: str, path: str = "a.yaml"):
    return read_directives(Document.parse(text, path))


def test_gpu_versions_and_dialect_share_a_comment() -> None:
    text = "# vramlint: gpu=A100-80GB x8 versions=axolotl@0.18,torch@2.13 dialect=axolotl\na: 1\n"
    directives = read(text)
    assert directives.gpu is not None
    name, span = directives.gpu
    assert name == "A100-80GB x8"
    assert text[span.start : span.end] == "A100-80GB x8"
    assert directives.versions == {"axolotl": "0.18", "torch": "2.13"}
    assert directives.dialect is not None
    assert directives.dialect[0] == "axolotl"
    assert directives.problems == ()


def test_directives_of_several_comments_combine() -> None:
    directives = read("# vramlint: gpu=T4\n# vramlint: versions=trl@1.10\na: 1 # vramlint: dialect=none\n")
    assert directives.gpu is not None
    assert directives.gpu[0] == "T4"
    assert directives.versions == {"trl": "1.10"}
    assert directives.dialect is not None
    assert directives.dialect[0] == "none"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1  # vramlint: ignore[VL101] on purpose\n", 0),
        ("# vramlint: ignore[VL101]\na: 1\n", 1),
        ("# vramlint: ignore[VL101]\n\n# another comment\na: 1\n", 3),
        ("a: 1\n# vramlint: ignore-file[VL101]\n", None),
    ],
)
def test_where_a_suppression_holds(text: str, line: int | None) -> None:
    (suppression,) = read(text).suppressions
    assert suppression.code == "VL101"
    assert suppression.line == line
    assert text[suppression.span.start : suppression.span.end] == "VL101"


def test_several_codes_and_a_reason() -> None:
    first, second = read("a: 1 # vramlint: ignore[VL101, no-effect] we know\n").suppressions
    assert (first.code, second.code) == ("VL101", "no-effect")
    assert first.reason == "we know"
    assert first.others == 1
    assert second.covers("VL202", "no-effect")
    assert not second.covers("VL201", "refused-combination")


def test_a_beginning_of_a_code_covers_the_group() -> None:
    (suppression,) = read("a: 1 # vramlint: ignore[VL1]\n").suppressions
    assert suppression.covers("VL102", "tight-fit")
    assert not suppression.covers("VL202", "no-effect")


def test_bare_ignore_covers_everything() -> None:
    text = "a: 1 # vramlint: ignore\n"
    (suppression,) = read(text).suppressions
    assert suppression.covers("VL999", "whatever")
    assert text[suppression.span.start : suppression.span.end] == "ignore"


def test_jsonc_comments() -> None:
    directives = read('{\n  // vramlint: gpu=H100-80GB\n  "a": 1 // vramlint: ignore[VL003]\n}\n', "a.jsonc")
    assert directives.gpu is not None
    assert directives.gpu[0] == "H100-80GB"
    assert directives.suppressions[0].line == 2


def test_toml_comments() -> None:
    directives = read("a = 1 # vramlint: ignore[VL003]\n", "a.toml")
    assert directives.suppressions[0].line == 0


def test_releases_are_written_as_for_pip_too() -> None:
    directives = read("# vramlint: gpu=T4 versions=trl==1.10, torch==2.9\na: 1\n")
    assert directives.gpu is not None
    assert directives.gpu[0] == "T4"
    assert directives.versions == {"trl": "1.10", "torch": "2.9"}
    assert not directives.problems


@pytest.mark.parametrize("body", ["gpus=T4", "hello", "versions=torch", ""])
def test_what_cannot_be_read_is_said(body: str) -> None:
    assert read(f"# vramlint: {body}\na: 1\n").problems


def test_two_comments_may_name_one_gpu_and_no_two() -> None:
    assert read("# vramlint: gpu=T4\n# vramlint: gpu=T4\na: 1\n").problems == ()
    text = "# vramlint: gpu=T4\n# vramlint: gpu=L4\na: 1\n"
    (problem,) = read(text).problems
    assert "T4" in problem.message
    assert text[problem.span.start : problem.span.end] == "L4"


def test_other_comments_are_left_alone() -> None:
    directives = read("# vramlint is nice\n# noqa\na: '# vramlint: gpu=T4'\n")
    assert directives.gpu is None
    assert directives.problems == ()
