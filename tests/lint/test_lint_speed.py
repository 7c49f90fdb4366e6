"""What a real config takes, on average over many: parse, read, estimate, and all rules."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from work import processor_seconds

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.project.overrides import Overrides
from vramlint.project.selection import Selection
from vramlint.project.workspace import Workspace

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
TIMES = 2.0
"""Of what PyYAML's pure loader, which the trainers use, takes to read the same files."""


@pytest.mark.shared
@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside the checkout")
def test_checking_files_costs_little_more_than_a_trainer_takes_to_read_them() -> None:
    texts = {}
    for file in sorted([*CORPUS.rglob("*.yaml"), *CORPUS.rglob("*.yml")]):
        text = file.read_text(encoding="utf-8")
        if len(list(_documents(text))) == 1:
            texts[file] = text
    assert len(texts) > 300

    def read() -> None:
        for text in texts.values():
            list(_documents(text))

    def check() -> None:
        workspace = Workspace(CORPUS)
        for file, text in texts.items():
            analyse(Document.parse(text, str(file)), workspace, Overrides(rules=Selection(select=("ALL",))))

    assert processor_seconds(check, runs=2) <= TIMES * processor_seconds(read, runs=2)


def _documents(text: str) -> list[object]:
    """The documents of a text; none where it is not YAML."""
    try:
        return list(yaml.load_all(text, yaml.SafeLoader))
    except yaml.YAMLError:
        return []
