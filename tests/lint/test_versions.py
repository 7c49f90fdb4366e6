"""Declared versions: one order for all; what is not a version is said and never taken for an old one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.lsp.session import overrides_of
from vramlint.project.workspace import Workspace
from vramlint.versions import at_least, older, release, same_minor

NUMBERS = st.lists(st.integers(0, 9999), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
JOB = """\
vramlint: 1
model: meta-llama/Llama-3.1-8B
method: qlora
quantization: {scheme: bnb-nf4}
"""
AXOLOTL = """\
base_model: NousResearch/Meta-Llama-3.1-8B
adapter: lora
lora_r: 16
lora_target_linear: true
sequence_len: 4096
micro_batch_size: 2
gradient_accumulation_steps: 1
datasets: [{path: a, type: alpaca}]
"""


def analysed(text: str, folder: Path | None = None) -> Analysis:
    path = str((folder or Path("/nowhere")) / "x.yaml")
    return analyse(Document.parse(text, path), Workspace(folder))


@given(NUMBERS, NUMBERS)
def test_plain_versions_are_ordered_as_packaging_orders_them(one: str, other: str) -> None:
    assert at_least(one, other) == (Version(one) >= Version(other))
    assert older(one, other) == (Version(one) < Version(other))


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("4.56.0.dev0", (4, 56)),
        ("v1.16.0", (1, 16)),
        ("2.8.0+cu128", (2, 8)),
        ("1.0rc1", (1,)),
        ("0.43.3.post1", (0, 43, 3)),
        ("2025.8.10", (2025, 8, 10)),
        *((word, None) for word in ("main", "", "latest", "4.x", ">=4.50", "cu121")),
    ],
)
def test_the_release_of_a_version(version: str, numbers: tuple[int, ...] | None) -> None:
    assert release(version) == numbers


def test_what_is_unknown_counts_as_the_newest() -> None:
    assert at_least(None, "99")
    assert at_least("main", "99")
    assert not older("main", "0.1")
    assert same_minor("0.19.3", "0.19")
    assert not same_minor("main", "0.19")


@pytest.mark.parametrize("library", ["transformers", "torch", "bitsandbytes", "trl", "axolotl", "accelerate"])
@pytest.mark.parametrize("text", [JOB, AXOLOTL], ids=["job", "axolotl"])
def test_a_word_in_a_comment_is_said_and_the_newest_holds(text: str, library: str) -> None:
    said = analysed(f"# vramlint: versions={library}@main\n{text}")
    assert said.estimate == analysed(text).estimate is not None
    (finding,) = [finding for finding in said.findings if "main" in finding.message]
    assert f"{library} is 'main', which is not a version" in finding.message


@pytest.mark.parametrize("where", ["versions", 'per-path."**".versions'])
def test_a_word_in_the_settings_is_said_with_its_key(tmp_path: Path, where: str) -> None:
    (tmp_path / "vramlint.toml").write_text(
        f'{where} = {{torch = "nightly", trl = "1.10"}}\n', encoding="utf-8"
    )
    said = analysed(JOB, tmp_path)
    (finding,) = [finding for finding in said.findings if finding.code == "VL905"]
    assert f"{where.replace(chr(34), '')}.torch` is 'nightly'" in finding.message
    assert said.dialect_context is not None
    assert said.dialect_context.versions == {"trl": "1.10"}


def test_a_word_in_a_job_file_is_said_at_its_key() -> None:
    text = JOB + "versions: {transformers: main, peft: 0.18}\n"
    said = analysed(text)
    assert said.estimate == analysed(JOB).estimate is not None
    (finding,) = [finding for finding in said.findings if "main" in finding.message]
    assert finding.at.key == ("versions", "transformers")
    assert said.reading is not None
    assert said.reading.job is not None
    assert said.reading.job.versions == {"peft": "0.18"}


def test_a_word_in_the_editor_is_said() -> None:
    overrides = overrides_of({"versions": {"TRL": "1.10", "torch": "main"}})
    assert overrides.versions == {"trl": "1.10"}
    said = analyse(Document.parse(JOB, "/nowhere/x.yaml"), Workspace(), overrides)
    assert any("vramlint.versions.torch" in finding.message for finding in said.findings)


def test_a_locked_word_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "vramlint.toml").write_text('versions-from = "lock"\n', encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("transformers==main\ntrl==1.10\n", encoding="utf-8")
    context = analysed(JOB, tmp_path).dialect_context
    assert context is not None
    assert context.versions == {"trl": "1.10"}


def test_plain_versions_need_no_packaging() -> None:
    code = (
        "import sys; from vramlint.versions import at_least; at_least('4.48.1', '4.54');"
        "print('packaging' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
