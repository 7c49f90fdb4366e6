from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.dialects.kit.dialect import REMOVE, SetKey
from vramlint.document import Document
from vramlint.document.edit import apply_edits
from vramlint.lint.editing import declare_gpu_edit, difference, edits_of_keys, ignore_edit
from vramlint.project.workspace import Workspace

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


@pytest.mark.parametrize(
    ("before", "after"), [("a\nb\nc\n", "a\nc\n"), ("", "x"), ("a\r\nb", "a\r\nc\r\nb"), ("a", "a")]
)
def test_difference(before: str, after: str) -> None:
    assert apply_edits(before, difference(before, after)) == after


def test_declaring_a_gpu(tmp_path: Path) -> None:
    document = Document.parse(TEXT, str(tmp_path / "x.yaml"))
    edit = declare_gpu_edit(document, "RTX 4090")
    assert edit is not None
    after = analyse(Document.parse(apply_edits(TEXT, (edit,)), document.path), Workspace(tmp_path))
    assert after.gpu is not None
    assert after.gpu.name == "RTX 4090"
    assert declare_gpu_edit(Document.parse("{}", "x.json"), "T4") is None


@pytest.mark.parametrize(
    "line",
    [
        "attention: flash_attention_2",
        "attention: flash_attention_2  # fast",
        "attention: flash_attention_2 # vramlint: ignore[VL1] x",
    ],
)
def test_ignoring_a_finding(tmp_path: Path, line: str) -> None:
    text = f"# vramlint: gpu=T4\n{TEXT}precision: {{weights: float16}}\n{line}\n"
    document = Document.parse(text, str(tmp_path / "x.yaml"))
    analysis = analyse(document, Workspace(tmp_path))
    finding = next(finding for finding in analysis.findings if finding.code == "VL302")
    edit = ignore_edit(document, analysis.span(finding.at), "VL302")
    assert edit is not None
    after = analyse(Document.parse(apply_edits(text, (edit,)), document.path), Workspace(tmp_path))
    assert [finding.code for finding in after.suppressed] == ["VL302"]
