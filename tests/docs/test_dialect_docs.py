"""docs/dialects is made from the dialects' tables: `python docs/generate.py` writes it anew."""

from __future__ import annotations

import pytest
from doc_scripts import DOCS, script

from vramlint.dialects import DIALECTS
from vramlint.dialects.kit.dialect import Dialect
from vramlint.dialects.kit.notes import NOTES

generator = script("generate")


def test_pages_are_in_step_with_the_tables() -> None:
    pages = generator.pages()
    assert {file.stem for file in (DOCS / "dialects").glob("*.md")} == set(pages)
    for name, text in pages.items():
        assert (DOCS / "dialects" / f"{name}.md").read_text(encoding="utf-8") == text, (
            f"{name}: run python docs/generate.py"
        )


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_page_names_every_key(dialect: Dialect) -> None:
    text = generator.page(dialect)
    assert all(f"| `{key.path}` |" in text for key in dialect.keys)
    assert all(f"| `{old.path}` |" in text for old in dialect.renamed)
    assert all(len(line) < 1200 for line in text.splitlines())


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_changes_belong_to_rows(dialect: Dialect) -> None:
    rows = {key.path for key in dialect.keys}
    notes = NOTES.get(dialect.name)
    assert notes is None or {change.key for change in notes.changes} <= rows
