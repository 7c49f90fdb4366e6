"""What explanations say, without an editor: figures, comparisons, agreement with the memory model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.catalog.facts import GIB, MIB
from vramlint.catalog.gpus import all_gpus
from vramlint.dialects.kit.dialect import SetKey
from vramlint.dialects.kit.edits import with_keys
from vramlint.document import Document, walk
from vramlint.explain.breakdown import breakdown
from vramlint.explain.format import bar, difference, percent, size, value_text
from vramlint.explain.gpu import explain_gpu
from vramlint.explain.key import explain_key, explain_other_key, row_of
from vramlint.explain.lines import fit_line, key_shares
from vramlint.explain.model import explain_model, nf4_bytes
from vramlint.explain.summary import peak_line
from vramlint.explain.verdict import verdict_line
from vramlint.explain.what_if import estimate_with, largest_that_fits, steps
from vramlint.lint.finding import Finding
from vramlint.lint.format import count
from vramlint.lint.result import Analysis
from vramlint.memory.estimate import TensorAtPeak
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(file for file in EXAMPLES.rglob("*") if file.suffix in (".yaml", ".toml", ".json"))
CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
JOB = """\
vramlint: 1
model: meta-llama/Llama-3.1-8B
optimizer: adamw_torch_fused
micro_batch_size: 4
gradient_accumulation_steps: 4
sequence_length: 2048
attention: sdpa
"""


def analysed(text: str, gpu: str | None = "H100-80GB") -> Analysis:
    return analyse(Document.parse(text, "train.yaml"), Workspace(EXAMPLES), Overrides(gpu=gpu))


def said_of(analysis: Analysis, *path: str) -> str:
    assert analysis.dialect is not None
    at, row = row_of(analysis.dialect, path)
    assert row is not None
    return explain_key(analysis, row, at)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0.0 GiB"), (15 * GIB, "15.0 GiB"), (123 * GIB, "123 GiB"), (12 * MIB, "12 MiB"), (2048, "2 KiB")],
)
def test_sizes(amount: int, text: str) -> None:
    assert size(amount) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(8_030_261_248, "8.03 B"), (41_943_040, "41.9 M"), (999_999, "999,999"), (0, "0"), (2e12, "2 T")],
)
def test_counts(number: float, text: str) -> None:
    assert count(number) == text


def test_differences_and_shares() -> None:
    assert difference(13 * GIB) == "+13.0"
    assert difference(-13 * GIB) == "−13.0"
    assert difference(-12 * MIB) == "−12 MiB"
    assert percent(53, 100) == "53 %"
    assert percent(1, 200) == "0.5 %"
    assert percent(1, 10**6) == "<0.1 %"
    assert percent(0, 0) == "0 %"
    assert value_text([True, None, 1.5, "x"]) == "[true, null, 1.5, x]"


@pytest.mark.parametrize(
    ("used", "capacity", "drawn"),
    [
        (8, 16, "████    ┆"),
        (16, 16, "████████┆"),
        (16, 8, "████┆████"),
        (1000, 1, "┆████████"),
        (3, None, "████████"),
    ],
)
def test_bar(used: int, capacity: int | None, drawn: str) -> None:
    assert bar(used, capacity, 8) == drawn


def test_with_keys_copies_only_the_path() -> None:
    values = {"a": {"b": 1, "c": [1, 2]}, "d": {}}
    changed = with_keys(values, (SetKey(("a", "c", 1), 5),))
    assert changed == {"a": {"b": 1, "c": [1, 5]}, "d": {}}
    assert values == {"a": {"b": 1, "c": [1, 2]}, "d": {}}
    assert changed["d"] is values["d"]
    assert with_keys({}, (SetKey(("x", "y"), 1),)) == {"x": {"y": 1}}


def test_steps_are_what_the_edited_file_needs() -> None:
    analysis = analysed(JOB)
    assert analysis.dialect is not None
    _, row = row_of(analysis.dialect, ("micro_batch_size",))
    assert row is not None
    for step in steps(analysis, row, ("micro_batch_size",), 4):
        edited = analysed(JOB.replace("micro_batch_size: 4", f"micro_batch_size: {step.value}"))
        assert edited.estimate is not None
        assert step.device_bytes == edited.estimate.device_bytes
        assert step.verdict == edited.verdict


def test_a_hypothesis_that_breaks_the_job_is_none() -> None:
    assert estimate_with(analysed(JOB), ("model",), "no/such-model") is None


@pytest.mark.parametrize("key", ["micro_batch_size", "sequence_length"])
def test_largest_that_fits_is_the_edge(key: str) -> None:
    text = JOB.replace("Llama-3.1-8B", "Llama-3.2-1B")
    analysis = analysed(text)
    assert analysis.dialect is not None
    assert analysis.job is not None
    _, row = row_of(analysis.dialect, (key,))
    assert row is not None
    now = getattr(analysis.job, key)
    largest = largest_that_fits(analysis, row, now)
    assert largest
    unit = 128 if key == "sequence_length" else 1
    assert analysed(text.replace(f"{key}: {now}", f"{key}: {largest}")).verdict == "fits"
    assert analysed(text.replace(f"{key}: {now}", f"{key}: {largest + unit}")).verdict != "fits"
    assert largest_that_fits(analysed(text, gpu=None), row, now) is None


@pytest.mark.parametrize(
    ("gpu", "words"),
    [
        ("RTX-4090", ("does not fit", "RTX 4090 has 23.5", "over)")),
        ("MI300X", ("fits", "left)")),
        (None, ("needs", "no GPU is declared", "# vramlint: gpu=")),
    ],
)
def test_verdict_line(gpu: str | None, words: tuple[str, ...]) -> None:
    line = verdict_line(analysed(JOB, gpu))
    assert all(word in line for word in words)


def test_fit_line_and_shares_add_up() -> None:
    analysis = analysed(JOB)
    assert analysis.estimate is not None
    line = fit_line(analysis)
    assert "weights 15.0" in line
    assert "H100" in line
    shares = dict(key_shares(analysis))
    assert shares["model",] == f"{size(analysis.estimate.component_sizes['weights'])} of weights"
    assert ("sequence_length",) not in shares  # its activations are named at the batch size


def test_model_without_estimate_still_says_what_is_known() -> None:
    text = JOB.replace("meta-llama/Llama-3.1-8B", "albert/albert-base-v2")
    said = explain_model(analysed(text))
    assert "ALBERT" in said
    assert "parameters" in said


def test_nf4_bytes_of_a_known_model() -> None:
    job = analysed(JOB).job
    assert job is not None
    packed = nf4_bytes(job.model, 8_030_261_248)
    assert packed is not None
    assert packed / GIB == pytest.approx(5.3, abs=0.05)  # 6.98 B linear weights at 0.516 bytes, the rest at 2


def test_gpu_names_others_that_do_and_do_not_fit() -> None:
    said = explain_gpu(analysed(JOB, "RTX-4090"), all_gpus())
    assert "23.5 usable" in said
    assert "✓ bf16" in said
    assert "alternatives: " in said


def test_keys_of_no_cost() -> None:
    analysis = analysed(JOB)
    assert "costs no GPU memory" in (explain_other_key(analysis, ("seed",), None) or "")
    assert "no effect on GPU memory is modelled" in (explain_other_key(analysis, ("a", "b"), None) or "")
    typo = Finding("VL201", "unknown-key", "warning", "typo", ("x",))
    assert "typo" in (explain_other_key(analysis, ("x",), typo) or "")


def test_breakdown_of_no_config_is_none() -> None:
    assert breakdown(analysed("services: {}\n")) is None
    assert "no estimate" in (breakdown(analysed(JOB.replace("Llama-3.1-8B", "None"))) or "")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_key_of_the_examples_can_be_explained(file: Path) -> None:
    explain_all(analyse(Document.read(str(file)), Workspace(EXAMPLES)))


@pytest.mark.shared
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside the checkout")
def test_every_key_of_public_configs_can_be_explained() -> None:
    files = sorted(f for f in CORPUS.rglob("*") if f.suffix in (".yaml", ".yml", ".json", ".toml"))
    workspace = Workspace(CORPUS)
    for file in files[::25]:
        explain_all(analyse(Document.read(str(file)), workspace, Overrides(gpu="RTX-4090")))


def explain_all(analysis: Analysis) -> None:
    """Every explanation of a file: none may fail, and those of memory keys name a size or why none."""
    fit_line(analysis)
    list(key_shares(analysis))
    explain_gpu(analysis, all_gpus())
    if analysis.dialect is None or analysis.document.root is None:
        return
    assert breakdown(analysis)
    for path, _ in walk(analysis.document.root):
        if not path:
            continue
        at, row = row_of(analysis.dialect, path)
        if row is None:
            explain_other_key(analysis, at, None)
            continue
        said = explain_model(analysis, row) if row.field == "model" else explain_key(analysis, row, at)
        assert "GiB" in said or "no estimate" in said or "no effect" in said, (
            analysis.document.path,
            path,
            said,
        )


def test_the_largest_tensor_at_the_peak_is_named() -> None:
    analysis = analysed(JOB)
    assert analysis.estimate is not None
    logits = TensorAtPeak("logits", "activations", (8192, 128256), "float32", 3, 3 * 8192 * 128256 * 4)
    backward = tuple(moment for moment in analysis.estimate.counted if moment.name == "backward")
    estimate = replace(analysis.estimate, peak_tensors=lambda: (logits,), counted=backward)
    assert peak_line(estimate) == (
        "peak in the backward pass; the largest there: logits, 3 × [8,192 × 128,256] float32 = 11.7 GiB"
    )
    page = breakdown(replace(analysis, estimate=estimate)) or ""
    assert "| logits | 8,192 × 128,256 | float32 | 3 | 11.7 |" in page
