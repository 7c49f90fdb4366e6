"""The pages in docs/dialects say all that the dialects' tables do."""

from __future__ import annotations

import re

import pytest
from doc_scripts import script

from vramlint.dialects import REGISTRY, Entry

generator = script("dialect_pages")


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
