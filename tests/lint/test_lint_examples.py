"""What is found in the examples, as text that a reader can review; and every fix offered there is tried."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.document import Document
from vramlint.document.edit import apply_edits
from vramlint.lint.format import gib
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted(
    file
    for file in (ROOT / "examples").rglob("*")
    if file.suffix in (".yaml", ".json", ".toml", ".sh", ".ipynb")
)


def rendered(analysis: Analysis) -> str:
    size = f"{gib(analysis.estimate.device_bytes)} GiB" if analysis.estimate else "no estimate"
    lines = [f"{analysis.dialect.name if analysis.dialect else 'no dialect'}: {analysis.verdict}, {size}"]
    for finding in analysis.findings:
        line, character = analysis.document.lines.line_character(analysis.span(finding.at).start)
        lines.append(f"{line + 1}:{character + 1} {finding.severity} {finding.code} {finding.message}")
        lines += [f"    {'.'.join(map(str, other.at.key))}: {other.message}" for other in finding.related]
        lines += [f"    {'safe' if fix.safe else 'fix'}: {fix.title}" for fix in fixes_for(analysis, finding)]
    return "\n".join(lines) + "\n"


def complaints(analysis: Analysis) -> set[str]:
    return {finding.code for finding in analysis.findings if finding.severity in ("error", "warning")}


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_findings(file: Path, snapshot: Callable[[str, str], None]) -> None:
    analysis = analyse(Document.read(str(file)), Workspace(ROOT), Overrides(named=True))
    snapshot(f"{file.relative_to(ROOT / 'examples').as_posix().replace('/', '-')}.txt", rendered(analysis))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
@pytest.mark.parametrize("gpu", [None, "RTX 4090", "T4", "A100-80GB x8"])
def test_every_fix_does_what_it_says(file: Path, gpu: str | None) -> None:
    document = Document.read(str(file))
    workspace = Workspace(ROOT)
    analysis = analyse(document, workspace, Overrides(gpu=gpu, named=True))
    before = complaints(analysis)
    for finding in analysis.findings:
        for fix in fixes_for(analysis, finding):
            mended = Document.parse(apply_edits(document.text, fix.edits), str(file))
            after = analyse(mended, workspace, Overrides(gpu=gpu, named=True))
            assert not mended.problems
            assert complaints(after) <= before
            assert fix.verdict_after in (None, after.verdict)
            if finding.code in ("VL101", "VL102"):
                assert after.verdict == "fits"
                assert after.estimate is not None
                assert after.estimate.device_bytes == fix.device_bytes_after


def test_the_examples_offer_fixes() -> None:
    """So that the test above has something to look at."""
    printed = [
        file.read_text(encoding="utf-8") for file in (Path(__file__).parent / "snapshots").glob("*.txt")
    ]
    assert (
        sum(text.count("\n    fix: ") + text.count("\n    safe: ") for text in printed) >= 8
    )  # three a finding
