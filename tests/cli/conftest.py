"""Running the command line inside the test's process, from the root of the checkout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_running import ROOT, Outcome, Run

from vramlint.analysis import failures
from vramlint.cli import main

sys.path.insert(0, str(ROOT / "benchmarks"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    for name in ("NO_COLOR", "FORCE_COLOR", "VRAMLINT_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(ROOT)

    def call(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as leaving:  # argparse
            code = int(leaving.code or 0)
        seen = capsys.readouterr()
        assert "Traceback" not in seen.err
        return Outcome(code, seen.out, seen.err)

    yield call
    failures.listen(None)
