"""What the playground's worker asks of vramlint: the analysis, hovers and fixes of one text, as JSON.

The same functions answer the command line and editors. Offsets are in UTF-16 units, as the page counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from vramlint.analysis.analyse import analyse, fixes_for
from vramlint.catalog.gpus import all_gpus
from vramlint.cli.console import Paint
from vramlint.cli.output.estimate_html import section
from vramlint.cli.output.estimate_text import verdict
from vramlint.document import Document
from vramlint.explain.why_not import why_not
from vramlint.lint.result import Analysis
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

FOLDER = "/playground"
FIXES = 2
"""Worked out for a finding, as `vramlint check` does."""
LANGUAGES = {"yaml": "yaml", "json": "json", "toml": "toml", "sh": "shellscript", "py": "python"}
"""A file's extension → the language that an editor would name."""


WARM = """# vramlint: gpu=RTX-4090
base_model: Qwen/Qwen2.5-0.5B
datasets: [{path: tatsu-lab/alpaca, type: alpaca}]
adapter: lora
lora_target_linear: true
micro_batch_size: 1
"""
"""A run of which the engine loads what it needs for most others."""
WARM_LATER = {
    "train.yaml": "vramlint: 1\nmodel: {parameters: 7.0e+9}\n",
    "train.sh": "trl sft --model_name_or_path Qwen/Qwen2.5-0.5B --dtype bfloat16\n",
    "train.py": "from trl import SFTConfig, SFTTrainer\nSFTTrainer('Qwen/Qwen2.5-0.5B', args=SFTConfig())\n",
}
"""Runs of which it loads what is left, by the name of a file."""


class Playground:
    """One text, and what was last found in it."""

    def __init__(self) -> None:
        self._asked = ("", "", "")
        self._analysis: Analysis | None = None
        self._session: Any = None
        self.analyse(WARM, "train.yaml", "")

    def warm(self) -> str:
        """Load what only other kinds of files and hovers need, while nobody waits."""
        asked = self._asked
        for name, text in WARM_LATER.items():
            self.analyse(text, name, "")
        self.hover(0, 0)
        self.analyse(*asked)
        return "null"

    def gpus(self) -> str:
        """The names of the GPUs that can be picked."""
        return json.dumps([gpu.name for gpu in all_gpus()])

    def analyse(self, text: str, name: str, gpu: str) -> str:
        """Findings, verdicts and reports of every run of the text."""
        self._asked = (text, name, gpu)
        overrides = Overrides(gpu=gpu or None, named=True)
        self._analysis = analysis = analyse(
            Document.parse(text, f"{FOLDER}/{name}"), Workspace(FOLDER), overrides
        )
        runs = [each for each in (analysis, *analysis.others) if each.estimate is not None]
        return json.dumps(
            {
                "framework": analysis.dialect.title if analysis.dialect else None,
                "problem": None if runs else why_not(analysis)[1],
                "runs": [_run(each, name, number, len(runs)) for number, each in enumerate(runs, 1)],
                "findings": list(_findings(analysis)),
            }
        )

    def fixes(self, number: int) -> str:
        """What would make a finding go away, each tried on the text."""
        analysis = self._analysis
        assert analysis is not None
        found = fixes_for(analysis, analysis.findings[number], FIXES)
        return json.dumps(
            [
                {
                    "title": fix.title,
                    "safe": fix.safe,
                    "edits": [
                        {**_span(analysis, edit.start, edit.end), "insert": edit.text} for edit in fix.edits
                    ],
                }
                for fix in found
                if fix.edits
            ]
        )

    def hover(self, line: int, character: int) -> str:
        """What an editor shows at a place, as Markdown; "null" if nothing."""
        # late: the first estimate waits for none of it
        from lsprotocol import types

        from vramlint.lsp.client import Client
        from vramlint.lsp.hover import hover
        from vramlint.lsp.session import Session

        text, name, gpu = self._asked
        uri = f"file://{FOLDER}/{name}"
        if self._session is None:
            self._session = Session()
            self._session.client = Client(markdown=True)
        session = self._session
        session.configure({"": {"gpu": gpu}})
        session.open(uri, LANGUAGES.get(name.rpartition(".")[2], "yaml"), 1, text)
        view = session.view(uri)
        place = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(line, character))
        said = hover(session, view, place)
        return json.dumps(said.contents.value if said else None)


def _run(analysis: Analysis, name: str, number: int, of: int) -> dict[str, Any]:
    estimate = analysis.estimate
    assert estimate is not None
    return {
        "verdict": analysis.verdict or "unknown",
        "headline": verdict(analysis, estimate, Paint(False)),
        "html": section(name if of == 1 else f"{name}, run {number} of {of}", analysis, estimate),
    }


def _findings(analysis: Analysis) -> Iterator[dict[str, Any]]:
    for finding in analysis.findings:
        place = analysis.span(finding.at)
        yield {
            "code": finding.code,
            "name": finding.name,
            "severity": finding.severity,
            "message": finding.message,
            "unnecessary": finding.unnecessary,
            **_span(analysis, place.start, place.end),
        }


def _span(analysis: Analysis, start: int, end: int) -> dict[str, int]:
    """Code points of the text → UTF-16 units."""
    text = analysis.document.text
    first, inside = text[:start], text[start:end]
    begin = len(first.encode("utf-16-le")) // 2
    return {"from": begin, "to": begin + len(inside.encode("utf-16-le")) // 2}
