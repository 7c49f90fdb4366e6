"""The check of the search for fixes: what it accepts, and what it would notice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fit_search import analysed, compared, faults, price, searched, too_large

from vramlint.document.edit import TextEdit
from vramlint.lint.fit_fixes import WayToFit

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ms-swift-qwen2.5-7b-full.yaml"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config that does not fit."""
    path = tmp_path / "full.yaml"
    path.write_bytes(EXAMPLE.read_bytes())
    return path


def test_the_way_that_is_found_is_the_least_harmful_of_all(config: Path) -> None:
    assert list(too_large(config.parent)) == [config]
    run = searched(config)
    assert run.way is not None
    assert not run.wrong
    every = compared(config, price(run.way.advice.moves))
    assert every.least == price(run.way.advice.moves)
    assert every.title == run.way.title
    assert every.combinations > 20
    assert every.fitting > 1


def damaged(way: WayToFit, edits: tuple[TextEdit, ...]) -> WayToFit:
    return replace(way, edits=edits)


def test_a_damaged_copy_is_noticed(config: Path) -> None:
    analysis, way = analysed(config), searched(config).way
    assert way is not None
    assert not list(faults(config, analysis, way))
    comment = TextEdit(0, len(analysis.document.text.splitlines()[0]), "")
    found = list(faults(config, analysis, damaged(way, (comment, *way.edits))))
    assert [fault for fault in found if fault.startswith("comments are gone")]
    assert list(faults(config, analysis, damaged(way, way.edits[:-1])))
