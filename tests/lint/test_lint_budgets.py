"""No input makes the checker work without end: counted budgets, each ending in one finding."""

import os
from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.analysis.judging import MOST_FINDINGS
from vramlint.document import Document
from vramlint.document.yaml.compose import MOST_EXPANDED
from vramlint.files import Unreadable, read_bytes
from vramlint.lint.directives import read_directives
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

CONFIG = "base_model: meta-llama/Llama-3.1-8B\nmicro_batch_size: 1\nsequence_len: 1024\n"


def test_aliases_that_mean_more_than_memory_holds() -> None:
    levels = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 3)}]\n" for i in range(1, 40))
    document = Document.parse(f"a0: &a0 [x, x]\n{levels}{CONFIG}", "t.yaml")
    said = [problem for problem in document.problems if problem.kind == "too-large"]
    assert len(said) == 1
    assert document.root is not None
    assert document.root.size <= 2 * MOST_EXPANDED
    analysis = analyse(document, Workspace(), Overrides(gpu="A100-80GB"))
    assert analysis.verdict == "unknown"
    assert [finding.code for finding in analysis.findings if finding.severity == "error"] == ["VL001"]


def test_a_chain_of_merges_ends() -> None:
    links = "".join(f"a{i}: &a{i}\n  <<: *a{i - 1}\n  k{i}: 1\n" for i in range(1, 1000))
    document = Document.parse(f"a0: &a0 {{k: 1}}\n{links}{CONFIG}", "t.yaml")
    assert [problem.kind for problem in document.problems] == ["too-large"]


def test_ordinary_aliases_are_read() -> None:
    text = "base: &base {lr: 1, steps: [1, 2]}\nrun:\n  <<: *base\n  more: *base\n"
    document = Document.parse(text, "t.yaml")
    assert document.problems == ()
    assert document.values()["run"] == {"lr": 1, "steps": [1, 2], "more": {"lr": 1, "steps": [1, 2]}}


def test_findings_of_one_rule_are_bounded() -> None:
    text = "".join(f"unknown_{i}: 1\n" for i in range(5 * MOST_FINDINGS)) + CONFIG
    analysis = analyse(Document.parse(text, "t.yaml"), Workspace())
    found = [finding for finding in analysis.findings if finding.code == "VL002"]
    assert len(found) == MOST_FINDINGS + 1
    assert "and more of the same" in found[-1].message


def test_a_comment_alone_means_the_next_line_with_content() -> None:
    text = "# vramlint: ignore[VL1]\n# why\n\na: 1\n# vramlint: ignore[VL2]\n# end\n"
    lines = [each.line for each in read_directives(Document.parse(text, "t.yaml")).suppressions]
    assert lines == [3, 4]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "launch.sh")
    os.mkfifo(tmp_path / "vramlint.toml")
    (tmp_path / "pyproject.toml").symlink_to("/dev/zero")
    with pytest.raises(Unreadable, match="not a regular file"):
        read_bytes(tmp_path / "launch.sh", 10)
    analysis = analyse(Document.parse(CONFIG, str(tmp_path / "t.yaml")), Workspace(tmp_path))
    assert analysis.estimate is not None
    assert any("vramlint.toml cannot be read" in finding.message for finding in analysis.findings)


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"0" * 11)
    with pytest.raises(Unreadable) as refused:
        read_bytes(tmp_path / "x", 10)
    assert refused.value.reason == "too-large"
    assert read_bytes(tmp_path / "x", 11) == b"0" * 11
