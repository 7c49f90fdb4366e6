"""Record which lines each test executes, in a copy of what is committed.

    python -m mutants.record /tmp/mutants
    python -m mutants.record /tmp/mutants tests/memory/test_ops.py   # again, only these

Whatever else is given goes to pytest. Two processes take about a quarter of an hour for the whole suite.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mutants import ROOT

ROOTS = ("server", "rules", "schemas", "")
UNSUITED = (
    "tests/benchmarks",
    "tests/editor",
    "tests/lsp/test_lsp_halftyped.py",
    "tests/site",
    "tests/test_action.py",
    "tests/test_ci_recipes.py",
    "tests/test_contributing.py",
    "tests/test_packaging.py",
    "tests/test_pre_commit.py",
)
"""Tests that build, install or copy the project, or ask all there is: slow, and no test of a single line."""
_COVERAGE = """\
[run]
source = {tree}/server/vramlint
data_file = {record}/lines
parallel = true
sigterm = true
patch = _exit
context = ${{PYTEST_CURRENT_TEST-}}
disable_warnings = no-data-collected, module-not-measured, couldnt-parse, no-ctracer
"""


def main(arguments: list[str]) -> int:
    """The exit status of pytest: failed tests are left out of what follows, and are no error here."""
    scratch = Path(arguments[0]).resolve()
    tree, record = scratch / "tree", scratch / "record"
    record.mkdir(parents=True, exist_ok=True)
    copy(ROOT, tree)
    settings = _COVERAGE.format(tree=tree, record=record)
    (record / "coverage.ini").write_text(settings, encoding="utf-8")
    (record / "served.ini").write_text(f"{settings}plugins = mutants.served\n", encoding="utf-8")
    chosen = arguments[1:] or ["-n", "2", *(f"--ignore={each}" for each in UNSUITED)]
    paths = os.pathsep.join(str(tree / each) for each in ROOTS)
    environment = {"PYTHONPATH": paths, "MUTANTS_RECORD": str(record), "HYPOTHESIS_PROFILE": "dev"}
    plugins = ("-p", "mutants.recording", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *plugins, "-q", "--hypothesis-seed=0", *chosen]
    return subprocess.run(command, cwd=tree, env={**os.environ, **environment}).returncode


def copy(source: Path, target: Path) -> None:
    """What is committed in one repository, into another; what was there before is brought up to it."""
    if target.exists():
        git("fetch", "--quiet", str(source), "HEAD", folder=target)
        git("reset", "--quiet", "--hard", "FETCH_HEAD", folder=target)
    else:
        git("clone", "--quiet", "--local", str(source), str(target), folder=source)


def git(*arguments: str, folder: Path) -> str:
    """What git prints."""
    run = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, encoding="utf-8")
    return run.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
