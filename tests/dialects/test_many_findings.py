"""All findings in files with several keys at once, with their places and fixes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from many_keys import drawn, files, short

from vramlint.analysis.analyse import analyse
from vramlint.dialects import load_all
from vramlint.dialects.kit.dialect import Dialect
from vramlint.document import Document
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

COUNT = 40
GPUS = None, "T4", "A100-80GB x2", "RTX-4090", "MI300X x8", "H100-80GB"


def told(analysis: Analysis) -> Iterator[str]:
    """A line a finding, and a line a fix."""
    text = analysis.document.text
    for found in analysis.findings:
        span = analysis.span(found.at)
        here = short(text[span.start : span.end], 30)
        related = "".join(f", also {other.message}" for other in found.related)
        yield short(f"  {found.code} {found.severity} at {here!r}: {found.message}{related}")
        for fix in found.fixes:
            edits = ", ".join(f"{edit.start}-{edit.end} {edit.text!r}" for edit in fix.edits)
            yield short(f"    {fix.title}{' safe' if fix.safe else ''}: {edits}")


@pytest.mark.parametrize("dialect", load_all(), ids=lambda dialect: dialect.name)
def test_what_is_found(dialect: Dialect, tmp_path: Path, snapshot: Callable[[str, str], None]) -> None:
    workspace = Workspace(tmp_path)
    lines = []
    for number, (what, values) in enumerate(files(dialect, COUNT)):
        gpu = GPUS[drawn(number, "gpu", len(GPUS))]
        text = f"// vramlint: dialect={dialect.name}\n{json.dumps(values, indent=1)}"
        document = Document.parse(text, str(tmp_path / "x.jsonc"))
        analysis = analyse(document, workspace, Overrides(gpu=gpu))
        lines += [f"{short(what, 100)} on {gpu}: {analysis.verdict}", *told(analysis)]
    snapshot(f"findings-{dialect.name}.txt", "\n".join(lines).replace(str(tmp_path), "") + "\n")
