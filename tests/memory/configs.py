"""Estimates of the frameworks' own config files, as text with the comment that declares the GPU."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.memory import Estimate
from vramlint.memory.estimate import Moment
from vramlint.project.workspace import Workspace

MEGATRON_STEP = """\
objective: pretrain
optimizer: adamw
micro_batch_size: 1
sequence_length: 4096
attention: flash_attention_2
loss: fused-cross-entropy
loop: freed
packing: true
"""
"""Of a job file: what a step of Megatron's is but for model, precision and degrees."""


def analysis_of(folder: Path, text: str, name: str = "train.yaml", /, **files: str) -> Analysis:
    """The analysis of a config in `folder`, beside files named by keyword: `ds__json` is "ds.json"."""
    for other, content in files.items():
        (folder / other.replace("__", ".")).write_text(content)
    return analyse(Document.parse(text, str(folder / name)), Workspace(folder))


def estimate_of(folder: Path, text: str, name: str = "train.yaml", /, **files: str) -> Estimate:
    """The estimate of a config that has one."""
    analysis = analysis_of(folder, text, name, **files)
    assert analysis.estimate is not None, analysis.cannot
    return analysis.estimate


def moment(estimate: Estimate, name: str) -> Moment:
    """The moment of that name."""
    return next(found for found in estimate.moments if found.name == name)


def model_folder(folder: Path, config: Mapping[str, Any]) -> Path:
    """`folder` with a model in "model" that its config.json alone describes."""
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "config.json").write_text(json.dumps(config))
    return folder


def names(estimate: Estimate) -> list[str]:
    """The moments that are known to happen, in their order."""
    return [found.name for found in estimate.moments]
