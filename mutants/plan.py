"""A pytest plugin: runs the tests that `MUTANTS_TESTS` lists, in that order, each within a limit of time."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

LIMIT, TIMES = 5.0, 20.0
"""Seconds of processor time that any test has, and what it took when recorded is added, times this."""

_seconds: dict[str, float] = json.loads(Path(os.environ["MUTANTS_TESTS"]).read_text(encoding="utf-8"))
_order = {test: at for at, test in enumerate(_seconds)}


class Overrun(BaseException):
    """A test that takes far more than it did: no test catches it by catching exceptions."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Only those listed, in their order."""
    items[:] = sorted((each for each in items if each.nodeid in _order), key=lambda each: _order[each.nodeid])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Stop what hangs."""

    def stop(number: int, frame: object) -> None:
        raise Overrun

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, LIMIT + TIMES * _seconds[item.nodeid])
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the first failure: the test, and what it says."""
    if report.failed:
        _note(report.nodeid, report.longreprtext)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A module that cannot be imported any more fails too."""
    if report.failed:
        _note(report.nodeid, report.longreprtext)


def _note(test: str, text: str) -> None:
    errors = [line for line in text.splitlines() if line.startswith("E ")]
    Path(os.environ["MUTANTS_FAILURE"]).write_text(
        f"{test}\n{(errors or text.splitlines() or [''])[0][:200]}", encoding="utf-8"
    )
