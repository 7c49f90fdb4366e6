"""What keeps the code readable and is simple to count."""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("server", "rules", "schemas", "docs", "site", "benchmarks")
LONGEST = 70
"""Lines of a function that need no comment inside."""
MOST_AT_THE_TOP = 6
"""Modules beside the packages of dialects."""


def uncommented(path: Path) -> Iterator[str]:
    """The functions that are too long and have no comment inside."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, functions)]
    long = [node for node in found if (node.end_lineno or node.lineno) - node.lineno >= LONGEST]
    if not long:
        return
    with tokenize.open(path) as file:
        comments = {
            token.start[0]
            for token in tokenize.generate_tokens(file.readline)
            if token.type == tokenize.COMMENT
        }
    for node in long:
        if comments.isdisjoint(range(node.lineno, (node.end_lineno or node.lineno) + 1)):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_long_function_is_without_a_comment(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    assert [each for file in files for each in uncommented(file)] == []


def test_few_modules_are_beside_the_packages_of_dialects() -> None:
    modules = list((ROOT / "server" / "vramlint" / "dialects").glob("*.py"))
    assert 1 < len(modules) <= MOST_AT_THE_TOP


def test_every_package_is_on_the_map_of_contributing() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = page.partition("## Where things are")[2].partition("## Where to add")[0]
    packages = [file.parent.name for file in (ROOT / "server" / "vramlint").glob("*/__init__.py")]
    assert "dialects" in packages
    assert [name for name in packages if f"{name}/`" not in table] == []
