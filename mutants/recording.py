"""A pytest plugin that records the lines which each test executes, in subprocesses too, and its seconds.

`pytest -p mutants.recording` with `MUTANTS_RECORD`, the folder of what is recorded. A process that a test
starts inherits the name of the test in `PYTEST_CURRENT_TEST`; one that serves several tests asks for it
(`mutants.served`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path

import coverage
import pytest

from mutants.served import NOTE

FOLDER = Path(os.environ["MUTANTS_RECORD"])
_running = FOLDER / f"running-{os.getpid()}"
_running.touch()
_recorder = coverage.Coverage(config_file=str(FOLDER / "coverage.ini"))
_recorder.start()
_tests: dict[str, list[object]] = {}


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, None, None]:
    """What runs from here on belongs to the test."""
    os.environ |= {NOTE: str(_running), "COVERAGE_PROCESS_START": str(FOLDER / "served.ini")}
    _recorder.switch_context(item.nodeid)
    yield
    _recorder.switch_context("")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """What a fixture has started works for the test from here on."""
    _running.write_text(item.nodeid, encoding="utf-8")
    yield
    _running.write_text("", encoding="utf-8")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.CallInfo[None], None]:
    """Note the outcome of each phase, its seconds, and whether it compares all it sees with a stored text."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    compares = "snapshot" in getattr(item, "fixturenames", ())
    known = _tests.setdefault(item.nodeid, [True, 0.0, compares])
    known[0] = bool(known[0]) and report.outcome == "passed"
    known[1] = round(float(str(known[1])) + report.duration, 4)


def pytest_unconfigure() -> None:
    """Write down what this process saw."""
    _recorder.stop()
    _recorder.save()
    _running.unlink()
    (FOLDER / f"tests-{os.getpid()}.json").write_text(json.dumps(_tests), encoding="utf-8")
