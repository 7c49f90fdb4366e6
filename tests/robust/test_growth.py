"""Work grows with the length of a text, and not with its square: counted in calls, not in seconds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from work import calls

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.document import Document
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

CONFIG = """\
base_model: meta-llama/Llama-3.1-8B
micro_batch_size: 64
sequence_len: 4096
optimizer: adamw_torch
"""
TITAN = """\
[model]
name = "llama3"
flavor = "8B"
[training]
local_batch_size = 1
seq_len = 8192
"""
LINE = "llamafactory-cli train --model_name_or_path Qwen/Qwen2.5-7B --per_device_train_batch_size 4"
WORDS = LINE.replace(" ", ", ")
SHORT, LONG = 600, 1200
"""Repetitions, past what a document may have of runs, findings and guesses."""

Unit = Callable[[int], str]
TEXTS: dict[str, tuple[str, str, Unit]] = {
    "unknown keys": ("a.yaml", CONFIG, lambda n: f"key_{n}: {n}\n"),
    "misspelt keys": ("a.yaml", CONFIG, lambda n: f"micro_batch_siz{n}: 1\n"),
    "equal keys": ("a.yaml", CONFIG, lambda n: "micro_batch_size: 1\n"),
    "comments": ("a.yaml", CONFIG, lambda n: "# vramlint: ignore[VL101]\n"),
    "settings": ("a.yaml", CONFIG, lambda n: "# vramlint: gpu=A100-80GB\n"),
    "aliases": ("a.yaml", CONFIG + "b: &b {q: 1}\n", lambda n: f"k{n}: *b\n"),
    "tags": ("a.yaml", CONFIG, lambda n: f"k{n}: !!python/object:x.y [1]\n"),
    "data sets": ("a.yaml", CONFIG + "datasets:\n", lambda n: f"  - path: p{n}\n    type: alpaca\n"),
    "an open quote": ("a.yaml", CONFIG + 'x: "', lambda n: "a b\n"),
    "documents": ("a.yaml", CONFIG, lambda n: f"---\n{CONFIG}"),
    "steps": ("a.yaml", "jobs:\n", lambda n: f"  j{n}:\n    env:\n      A: {n}\n    run: |\n      {LINE} \n"),
    "containers": (
        "a.yaml",
        "spec:\n",
        lambda n: f"  - image: x\n    command: [{LINE.replace(' ', ', ')}]\n",
    ),
    "tables": ("a.toml", TITAN, lambda n: f"[t{n}]\n"),
    "tables of an array": ("a.toml", TITAN, lambda n: "[[t]]\na = 1\n"),
    "lines of an open string": ("a.toml", TITAN + 'x = """', lambda n: "a\n"),
    "launch lines": ("a.sh", "", lambda n: f"{LINE}\n"),
}


def looked_at(path: str, text: str) -> None:
    """All that is found in a document, with the first of its fixes."""
    overrides = Overrides(gpu="A100-80GB")
    analysis = analyse(Document.parse(text, path), Workspace(Path("/nowhere")), overrides)
    for finding in analysis.findings[:3]:
        fixes_for(analysis, finding, 1)


@pytest.mark.parametrize(("path", "head", "unit"), TEXTS.values(), ids=TEXTS)
def test_twice_the_text_takes_no_more_than_twice_the_work(path: str, head: str, unit: Unit):
    def text(times: int) -> str:
        return head + "".join(map(unit, range(times)))

    looked_at(path, text(SHORT - 1))  # what is imported and remembered
    short, long = (calls(partial(looked_at, path, text(times))) for times in (SHORT, LONG))
    assert long < 2.4 * short
