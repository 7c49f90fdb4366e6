"""The ways to fit of runs on GPUs that are too small, and the largest batches and rows, as text: what each
changes, and what it comes to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.document.edit import apply_edits
from vramlint.lint.fit_fixes import (
    Tries,
    WayToFit,
    _complaints,
    largest_ways,
    partial_savings,
    ways_to_fit,
)
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

MOST = 4
FIELDS = "micro_batch_size", "sequence_length"
JOB = """\
vramlint: 1
model: Qwen/Qwen2.5-1.5B
micro_batch_size: 8
gradient_accumulation_steps: 2
sequence_length: 1024
precision: {weights: bfloat16}
"""
TEXTS = {
    "job": JOB,
    "adapter": f"{JOB}method: lora\nadapter: {{r: 16}}\ngradient_checkpointing: full\n",
    "shards": f"{JOB}parallel: {{strategy: fsdp2, data: 2}}\ngpus: 2\n",
    "axolotl": "base_model: Qwen/Qwen2.5-1.5B\ndatasets: [{path: x, type: alpaca}]\nmicro_batch_size: 4\n"
    "sequence_len: 2048\nbf16: true\nflash_attention: true\n",
    "trl": "model_name_or_path: Qwen/Qwen2.5-1.5B\ndataset_name: x\noutput_dir: x\npacking: true\n"
    "per_device_train_batch_size: 16\nmax_length: 1024\nmodel_init_kwargs: {dtype: bfloat16}\n",
    "wrong": f"{JOB}none_such: 3\n",
}
GPUS = "T4", "RTX-4090", "A100-80GB"


def analysed(folder: Path, text: str, gpu: str) -> Analysis:
    return analyse(Document.parse(text, str(folder / "train.yaml")), Workspace(folder), Overrides(gpu=gpu))


def told(ways: Iterator[WayToFit]) -> Iterator[str]:
    """A line a way."""
    for way in islice(ways, MOST):
        keys = ", ".join(f"{'.'.join(map(str, key.path))} {key.value}" for key in way.keys)
        safe = "safe" if way.safe else "changes the training"
        yield f"  {way.title}: {keys}; {way.device_bytes:,}, {way.verdict}, {safe}"


@pytest.mark.parametrize("name", TEXTS)
def test_ways(name: str, tmp_path: Path, snapshot: Callable[[str, str], None]) -> None:
    lines: list[str] = []
    for gpu in GPUS:
        analysis = analysed(tmp_path, TEXTS[name], gpu)
        lines += [f"# {gpu}: {analysis.verdict}", *told(ways_to_fit(analysis))]
        for advice in partial_savings(analysis):
            lines.append(f"  saves: {advice.title} {advice.safe}")
        for field in FIELDS:
            lines += [f"  largest {field}", *told(largest_ways(analysis, field))]
    snapshot(f"ways-{name}.txt", "\n".join(lines) + "\n")


@pytest.mark.parametrize("field", FIELDS)
def test_nothing_is_larger_than_the_largest(field: str, tmp_path: Path) -> None:
    """Once it is written, the file has it; a file that does not fit is made smaller."""
    text = JOB
    (way, *_) = largest_ways(analysed(tmp_path, text, "A100-80GB"), field)  # type: ignore[arg-type]
    text = apply_edits(text, way.edits)
    again = analysed(tmp_path, text, "A100-80GB")
    assert again.verdict == "fits"
    first = [found.title for found in largest_ways(again, field)]  # type: ignore[arg-type]
    assert way.title not in first
    smaller = [*largest_ways(analysed(tmp_path, text, "RTX-4090"), field)]  # type: ignore[arg-type]
    assert smaller
    assert all(found.verdict == "fits" for found in smaller)


def test_a_search_analyses_so_many_files_and_no_more(tmp_path: Path) -> None:
    tries = Tries(analysed(tmp_path, JOB, "RTX-4090"))
    assert tries.most_checks == 40
    tries.most_checks = 1
    (way, *_) = ways_to_fit(tries.context)
    assert [tries.confirm(way.advice), tries.confirm(way.advice)] == ["enough", "refused"]
    assert list(tries.done) == [way.title]


def test_what_a_change_must_not_bring(tmp_path: Path) -> None:
    """Errors and warnings, but for whether the run fits."""
    text = f"{JOB}method: lora\nadapter: {{r: 8, targets: all-linear}}\nmicro_batch_sise: 3\nnone_such: 1\n"
    for gpu, verdict in (("T4", "VL101"), ("A100-80GB", None)):
        analysis = analysed(tmp_path, text, gpu)
        codes = {found.code: found.severity for found in analysis.findings}
        assert verdict is None or codes[verdict] == "error"
        grave = {code for code, severity in codes.items() if severity in ("error", "warning")}
        assert _complaints(analysis) == grave - {"VL101", "VL102"}
        assert _complaints(analysis)
    odd = analysed(tmp_path, JOB.replace("sequence_length: 1024", "sequence_length: many"), "T4")
    assert {found.severity for found in odd.findings} >= {"error"}
    assert _complaints(odd) >= {found.code for found in odd.findings if found.severity == "error"}


def test_a_tight_fit_is_no_new_complaint(tmp_path: Path) -> None:
    batches = (
        analysed(tmp_path, JOB.replace("_size: 8", f"_size: {batch}"), "A100-80GB")
        for batch in range(40, 4, -1)
    )
    tight = next(found for found in batches if "VL102" in {each.code for each in found.findings})
    assert _complaints(tight) == set()
