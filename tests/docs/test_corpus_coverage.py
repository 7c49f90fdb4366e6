"""docs/corpus_coverage.py counts what is recognised and estimated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from doc_scripts import script

coverage = script("corpus_coverage")

FITTING = """base_model: Qwen/Qwen2.5-0.5B
datasets: [{path: a, type: alpaca}]
sequence_len: 512
micro_batch_size: 1
"""
FILES = {
    "fits.yaml": ("axolotl", "training", FITTING),
    "unknown.yaml": ("axolotl", "training", FITTING.replace("Qwen/Qwen2.5-0.5B", "acme/secret")),
    "foreign.yaml": ("acme", "training", "services: {web: {image: nginx}}\n"),
    "zero.json": ("deepspeed", "companion", '{"zero_optimization": {"stage": 2}, "bf16": {"enabled": true}}'),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    rows = [
        {"path": name, "framework": framework, "kind": kind} for name, (framework, kind, _) in FILES.items()
    ]
    (folder / "index.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for name, (_, _, text) in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_files_are_counted_by_framework_with_the_reasons(corpus: Path) -> None:
    assert list(coverage.coverage(coverage.answers(corpus)))[2:] == [
        "| acme | training | 1 | 0 | 0 | 0 | not recognised (1) |",
        "| axolotl | training | 2 | 2 | 1 | 0 | the model is not in the catalog (1) |",
        "| deepspeed | companion | 1 | 1 | 0 | 0 | "
        "names no model: estimated with the config that it belongs to (1) |",
    ]


def test_files_of_other_projects_that_are_recognised_are_listed(corpus: Path) -> None:
    heading, said, table = coverage.claimed([corpus])
    assert heading == coverage.OTHERS
    assert "of 4 YAML" in said
    assert "| foreign.yaml |" not in table
    assert "| zero.json | deepspeed |" in table
