"""docs/dialects is made from the dialects' tables: `python docs/generate.py` writes it anew."""

from __future__ import annotations

import re

import pytest
from doc_scripts import DOCS, script

from vramlint.dialects import REGISTRY, Entry

generator = script("generate")


def test_pages_are_in_step_with_the_tables() -> None:
    pages = generator.pages()
    assert {file.stem for file in (DOCS / "dialects").glob("*.md")} == set(pages)
    for name, text in pages.items():
        assert (DOCS / "dialects" / f"{name}.md").read_text(encoding="utf-8") == text, (
            f"{name}: run python docs/generate.py"
        )


@pytest.mark.parametrize("entry", REGISTRY, ids=lambda entry: entry.name)
def test_a_page_names_every_key(entry: Entry) -> None:
    dialect, text = entry.load(), generator.page(entry)
    assert all(f"| `{key.path}` |" in text for key in dialect.keys)
    assert all(f"| `{old.path}` |" in text for old in dialect.renamed)
    assert all(len(line) < 1200 for line in text.splitlines())


@pytest.mark.parametrize("entry", REGISTRY, ids=lambda entry: entry.name)
def test_changes_belong_to_rows(entry: Entry) -> None:
    _, _, changes = generator.page(entry).partition("## What releases changed")
    changed = re.findall(r"^\| [\d.]+ \| `([^`]+)` \|", changes.partition("\n## ")[0], re.MULTILINE)
    assert set(changed) <= {key.path for key in entry.load().keys}
    assert changed or not changes
