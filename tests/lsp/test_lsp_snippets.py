"""The configs that an empty file is offered."""

from __future__ import annotations

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.document import Document, Language
from vramlint.lsp.snippets import SNIPPETS
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace


@pytest.mark.parametrize("language", SNIPPETS)
def test_whole_configs_have_no_findings(language: Language) -> None:
    for word, (_, text) in SNIPPETS[language].items():
        analysis = analyse(
            Document.parse(text, f"x.{language}", language), Workspace("/"), Overrides(gpu="H100-80GB x8")
        )
        assert analysis.estimate is not None, word
        assert {found.severity for found in analysis.findings} <= {"information", "hint"}, (
            word,
            analysis.findings,
        )
