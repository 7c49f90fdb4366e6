"""Estimates of the frameworks' own config files, as text with the comment that declares the GPU."""

from __future__ import annotations

from pathlib import Path

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.memory import Estimate
from vramlint.memory.estimate import Moment
from vramlint.project.workspace import Workspace


def analysis_of(folder: Path, text: str, **files: str) -> Analysis:
    """The analysis of a config in `folder`, beside files named by keyword: `ds__json` is "ds.json"."""
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return analyse(Document.parse(text, str(folder / "train.yaml")), Workspace(folder))


def estimate_of(folder: Path, text: str, **files: str) -> Estimate:
    """The estimate of a config that has one."""
    analysis = analysis_of(folder, text, **files)
    assert analysis.estimate is not None, analysis.cannot
    return analysis.estimate


def moment(estimate: Estimate, name: str) -> Moment:
    """The moment of that name."""
    return next(found for found in estimate.moments if found.name == name)


def names(estimate: Estimate) -> list[str]:
    """The moments that are known to happen, in their order."""
    return [found.name for found in estimate.moments]
