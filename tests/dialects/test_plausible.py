"""The bounds within which a value of a field is believed."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from vramlint.dialects.kit.plausible import BOUNDS, implausible
from vramlint.job import Written


def test_the_bounds(snapshot: Callable[[str, str], None]) -> None:
    lines = [f"{field}: {least:,} to {most:,}" for field, (least, most) in BOUNDS.items()]
    snapshot("bounds.txt", "\n".join([*lines, ""]))


def job(field: str, value: float) -> Any:
    """A job of which one field is written."""
    inner: Any = value
    for name in reversed(field.split(".")):
        inner = SimpleNamespace(**{name: inner})
    inner.origins = {field: Written(("key",), None)}
    return inner


@pytest.mark.parametrize("field", BOUNDS)
def test_both_bounds_are_possible_and_nothing_beyond(field: str) -> None:
    least, most = BOUNDS[field]
    assert not list(implausible(job(field, least)))
    assert not list(implausible(job(field, most)))
    (below,) = implausible(job(field, least - 1))
    (above,) = implausible(job(field, most + 1))
    assert (below.wanted, above.wanted) == (f"at least {least:,}", f"at most {most:,}")
