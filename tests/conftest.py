"""What all tests share: snapshots, kept beside the tests and rewritten by `pytest --snapshot-update`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import properties  # noqa: F401  # registers and loads the profile of all properties
import pytest

Snapshot = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--snapshot-update", action="store_true", help="rewrite the snapshots with what comes out now"
    )


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Snapshot:
    """Compares a text with `snapshots/NAME` beside the test's module."""
    folder = Path(request.path).parent / "snapshots"
    update = request.config.getoption("--snapshot-update")

    def compare(name: str, text: str) -> None:
        file = folder / name
        if update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert file.is_file(), f"no snapshot {name} yet: pytest --snapshot-update writes it"
        assert text == file.read_text(encoding="utf-8")

    return compare
