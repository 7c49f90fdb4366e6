"""Plain English: no message, page, docstring or name has the words that docs/style.md replaces."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORDS = re.compile(
    r"\b(blanks?|behind|stands?|mend(?:s|ed)?|cards?|sayable|wish(?:es)?|dear|seldom|trifles?)\b"
    r"|\b(?<!there )is no (?:pair|multiple|known|training|value|promise|TOML|JSON)\b"
)
INSIDE = re.compile(
    r"\b(behind|mend(?:s|ed)?|cards?|sayable|wish(?:es)?|dear|seldom|trifles?|deaths?|blanks)\b"
    r"|\bstands?\b(?!-|[.]|\s+(?:for|in for|alone)\b)"
)
"""In code a line may be blank, and one thing may stand for another."""
SOURCES = [file for folder in ("server", "rules") for file in sorted((ROOT / folder).rglob("*.py"))]
CODE = sorted(
    file
    for folder, kind in (
        ("server", "*.py"), ("rules", "*.py"), ("schemas", "*.py"), ("docs", "*.py"), ("benchmarks", "*.py"),
        ("scripts", "*.py"), ("site", "*.py"), ("client-vscode/src", "*.ts"),
    )
    for file in (ROOT / folder).rglob(kind)
)  # fmt: skip
PAGES = sorted(
    file
    for file in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "site").glob("*.md"),
        *(ROOT / "server").rglob("notes.md"),
        *(ROOT / "examples").rglob("*.md"),
        *(ROOT / "client-vscode").glob("*.md"),
        *(ROOT / "client-vscode" / "media").glob("*.md"),
    )
    if file.name != "style.md"
)


def literals(file: Path) -> Iterator[str]:
    """The strings of a module that are no docstrings, nor the names of things."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.stem)
def test_messages_use_plain_words(file: Path) -> None:
    assert [text for text in literals(file) if " " in text and WORDS.search(text)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_use_plain_words(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert len(PAGES) > 25
    assert [line for line in lines if WORDS.search(line)] == []


@pytest.mark.parametrize("file", CODE, ids=lambda file: file.stem)
def test_code_uses_plain_words(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if INSIDE.search(line)] == []
