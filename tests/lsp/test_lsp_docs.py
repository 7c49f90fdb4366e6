"""The page about the server names what the server has, and nothing else."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from vramlint.lsp.answers import ANSWERS
from vramlint.lsp.offers import (
    BREAKDOWN,
    COMPARE,
    DEBUG_INFORMATION,
    DECLARE_GPU,
    FIX_ALL,
    MAKE_IT_FIT,
    MAXIMIZE,
    OFFERS,
    SHOW_BREAKDOWN,
)
from vramlint.lsp.publish import PAUSE, QUICK
from vramlint.lsp.server import create_server
from vramlint.lsp.session import overrides_of
from vramlint.project.overrides import Overrides

PAGE = (Path(__file__).parents[2] / "docs" / "editor.md").read_text(encoding="utf-8")


def test_requests() -> None:
    methods = set(re.findall(r"`(textDocument/\w+)`", PAGE)) - {
        "textDocument/publishDiagnostics",
        "textDocument/diagnostic",
    }
    assert methods == set(OFFERS) | {"textDocument/codeAction"}
    assert set(ANSWERS) == set(OFFERS)
    assert methods <= set(create_server().protocol.fm.features)


def test_commands_and_kinds() -> None:
    names = {SHOW_BREAKDOWN, MAKE_IT_FIT, BREAKDOWN, DEBUG_INFORMATION, COMPARE, MAXIMIZE, DECLARE_GPU}
    assert set(re.findall(r"^\| `(vramlint\.\w+)` \| (?:the|a) ", PAGE, re.MULTILINE)) == names
    assert FIX_ALL in PAGE


def test_settings_and_pauses() -> None:
    named = re.findall(r"^\| `vramlint\.(\w+)` \| (?:text|table)", PAGE, re.MULTILINE)
    read = overrides_of({"gpu": "T4", "versions": {"trl": "1"}})
    silent = Overrides()
    said = [each.name for each in fields(read) if getattr(read, each.name) != getattr(silent, each.name)]
    assert named == said
    assert f"{1000 * QUICK:.0f} ms" in PAGE
    assert f"{1000 * PAUSE:.0f} ms after" in PAGE
