"""One fault in a copy of the project, and the first test that notices it."""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from mutants.choose import Recording, Test, batches
from mutants.operators import Mutant
from mutants.record import ROOTS

Outcome = Literal["killed", "hangs", "survived"]
SILENCE, WORK, SILENCES = 45.0, 2.0, 4
"""Seconds on the clock without the end of a test, and of processor time meanwhile, after which it is taken to
wait for ever; what computes for ever is stopped by its processor time, or where it is another process, after
so many of them."""
MEMORY = 8 << 30
"""Bytes of address space a process may have."""
_HEAVY = (
    "pytest",
    "hypothesis",
    "pytest_lsp",
    "pytest_asyncio",
    "lsprotocol.types",
    "yaml",
    "jsonschema",
    "numpy",
)
"""Loaded once; each trial is a fork of this process."""


@dataclass(frozen=True)
class Trial:
    """What came of a fault."""

    outcome: Outcome
    by: str
    """The test that failed; empty: none, or the project could not be imported."""
    said: str
    """The first line of its failure."""
    tests: int
    """How many were chosen."""
    seconds: float


class Bench:
    """A copy of the project, in which faults are tried one after the other."""

    def __init__(self, tree: Path, recording: Recording) -> None:
        self._tree = tree
        self._recording = recording
        self._edits = 0
        for name in _HEAVY:
            if importlib.util.find_spec(name.partition(".")[0]):
                importlib.import_module(name)

    def attempt(self, mutant: Mutant, budget: float, unfit: frozenset[Test]) -> Trial:
        """Put the fault in, run the tests, take it out again. `unfit`: tests that fail without any fault."""
        started = time.monotonic()
        file = self._tree / mutant.file
        text = file.read_text(encoding="utf-8")
        tests = [each for each in self._recording.tests(mutant, budget) if each not in unfit]
        self._write(file, mutant.apply(text))
        try:
            outcome, by, said = self._first_failure(tests)
        finally:
            self._write(file, text)
        return Trial(outcome, by, said, len(tests), round(time.monotonic() - started, 1))

    def failing(self, tests: list[Test]) -> list[Test]:
        """Which of the tests fail as the project is. A module that could be recorded can be imported."""
        failed: list[Test] = []
        tests = [each for each in tests if each in self._recording.seconds]
        while tests:
            outcome, by, _ = self._first_failure(tests)
            if outcome == "survived" or by not in tests:
                return failed
            failed.append(by)
            tests = [each for each in tests if each != by]
        return failed

    def _write(self, file: Path, text: str) -> None:
        """Bytecode is told from its source by seconds and size: no two edits may have the same second."""
        self._edits += 1
        file.write_text(text, encoding="utf-8")
        second = time.time() + self._edits
        os.utime(file, (second, second))
        for stale in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
            stale.unlink(missing_ok=True)

    def _first_failure(self, tests: list[Test]) -> tuple[Outcome, str, str]:
        for batch in batches(tests):
            found = self._run(batch)
            if found is not None:
                return found
        return "survived", "", ""

    def _run(self, tests: list[Test]) -> tuple[Outcome, str, str] | None:
        notes = self._tree.parent / f"{self._tree.name}-notes"
        shutil.rmtree(notes, ignore_errors=True)
        notes.mkdir()
        seconds = {each: self._recording.seconds[each] for each in tests}
        (notes / "tests.json").write_text(json.dumps(seconds), encoding="utf-8")
        child = os.fork()
        if child == 0:
            _child(self._tree, notes, sorted({each.partition("::")[0] for each in tests}))
        code = _waited(child, notes / "output")
        if code is None:
            return "hangs", "", "waits for ever"
        if code in (0, 5):  # 5: none of them is left
            return None
        if code == 4:
            raise RuntimeError((notes / "output").read_text(encoding="utf-8"))
        failure = notes / "failure"
        by, _, said = (
            failure.read_text(encoding="utf-8").partition("\n") if failure.exists() else ("", "", "")
        )
        return ("hangs" if "Overrun" in said else "killed"), by, said or f"ended with {code}"


def _waited(child: int, output: Path) -> int | None:
    """How the process ended; None: it had to be stopped, since it neither printed nor worked any more."""
    heard, printed, worked, silences = time.monotonic(), 0, 0.0, 0
    try:
        while True:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            if output.exists() and output.stat().st_size != printed:
                heard, printed, silences = time.monotonic(), output.stat().st_size, 0
            elif time.monotonic() > heard + SILENCE:
                before, worked, silences = worked, _processor_seconds(child), silences + 1
                if worked < before + WORK or silences == SILENCES:
                    return None
                heard = time.monotonic()
            time.sleep(0.05)
    finally:
        _end_group(child)


def _processor_seconds(group: int) -> float:
    """What all processes of a group have taken so far, those that have ended left out."""
    ticks = 0
    for process in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = process.read_text(encoding="utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _end_group(leader: int) -> None:
    """What a test has started ends with it."""
    try:
        os.killpg(leader, signal.SIGKILL)
        os.waitpid(leader, 0)
    except (ProcessLookupError, ChildProcessError):
        return


def _child(tree: Path, notes: Path, files: list[str]) -> NoReturn:
    code = 70
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        output = os.open(notes / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(output, stream)
        roots = [str(tree / each) for each in ROOTS]
        os.environ |= {
            "PYTHONPATH": os.pathsep.join(roots),
            "MUTANTS_TESTS": str(notes / "tests.json"),
            "MUTANTS_FAILURE": str(notes / "failure"),
            "HYPOTHESIS_PROFILE": "dev",
        }
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each trial would compile all there is
        sys.dont_write_bytecode = False
        os.chdir(tree)
        sys.path[:0] = roots
        import pytest

        code = pytest.main(
            ["-x", "-q", "-p", "mutants.plan", "-p", "no:cacheprovider", "-p", "no:xdist",
             "--hypothesis-seed=0", "--rootdir", str(tree), f"--basetemp={notes / 'temp'}", *files]
        )  # fmt: skip
    finally:
        os._exit(int(code))
