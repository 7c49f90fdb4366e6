"""Every class of transformers that generates text, built small on the meta device, beside our count."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "schemas"))

pytest.importorskip("torch")
pytest.importorskip("transformers", minversion="5.24")


def test_a_family_that_is_claimed_has_exactly_the_parameters_of_its_class() -> None:
    import verify_classes

    checked = exact = 0
    for row in verify_classes.rows():
        checked += 1
        exact += row.ours == row.counted
        if row.claimed and row.type not in verify_classes.INEXACT and not verify_classes.wholes(row.type):
            assert row.ours == row.counted, f"{row.type} {row.name}"
    assert checked > 250
    assert exact >= 75
