"""The site's playground in Chromium: the same engine, loaded in a web worker."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from scripts_in_editors import OUT, run

from vramlint.analysis.analyse import analyse
from vramlint.cli.console import Paint
from vramlint.cli.output.estimate_text import verdict
from vramlint.document import Document
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PLAYGROUND = ROOT / "site" / "playground"

pytestmark = pytest.mark.editor


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the playground in it, built now."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, PLAYGROUND / "build.py", folder / "playground"]
    building = subprocess.run(command, capture_output=True, text=True, check=False)
    assert building.returncode == 0, building.stdout + building.stderr
    return folder


def said(folder: Path, name: str, text: str) -> dict[str, object]:
    """What vramlint says of a text, here and not in a browser."""
    overrides = Overrides(named=True)
    analysis = analyse(Document.parse(text, str(folder / name)), Workspace(str(folder)), overrides)
    assert analysis.estimate is not None
    codes = [finding.code for finding in analysis.findings]
    return {"headline": verdict(analysis, analysis.estimate, Paint(False)), "codes": codes}


def test_the_playground_says_what_vramlint_says(site: Path, editor_home: Path, tmp_path: Path) -> None:
    examples = json.loads((site / "playground" / "examples.json").read_text(encoding="utf-8"))
    expected = {each["title"]: said(tmp_path, each["name"], each["text"]) for each in examples}
    run(
        ["node", str(HERE / "playground.mjs")],
        EDITOR_HOME=editor_home,
        SITE=site,
        EXPECTED=json.dumps(expected),
        AXE=PLAYGROUND / "node_modules" / "axe-core" / "axe.min.js",
        OUT=OUT / "playground",
    )
