"""A pytest plugin that records the lines which each test executes, in subprocesses too, and its seconds.

`pytest -p mutants.recording` with `MUTANTS_RECORD`, the folder of what is recorded. A process that a test
starts inherits the name of the test in `PYTEST_CURRENT_TEST`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path

import coverage
import pytest

FOLDER = Path(os.environ["MUTANTS_RECORD"])
_recorder = coverage.Coverage(config_file=str(FOLDER / "coverage.ini"))
_recorder.start()
_tests: dict[str, list[object]] = {}


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, None, None]:
    """What runs from here on belongs to the test."""
    os.environ["COVERAGE_PROCESS_START"] = str(FOLDER / "coverage.ini")
    _recorder.switch_context(item.nodeid)
    yield
    _recorder.switch_context("")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.CallInfo[None], None]:
    """Note the outcome of each phase, and its seconds."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    known = _tests.setdefault(item.nodeid, [True, 0.0])
    known[0] = bool(known[0]) and report.outcome == "passed"
    known[1] = round(float(str(known[1])) + report.duration, 4)


def pytest_unconfigure() -> None:
    """Write down what this process saw."""
    _recorder.stop()
    _recorder.save()
    (FOLDER / f"tests-{os.getpid()}.json").write_text(json.dumps(_tests), encoding="utf-8")
