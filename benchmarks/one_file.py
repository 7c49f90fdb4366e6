"""What one small file costs, beside other checkers that read a file of their own kind: start, parse, rules.

    python benchmarks/one_file.py [--peers FOLDER] [--runs 9]

FOLDER has a `bin` with the peers, made by `python -m venv FOLDER` and `FOLDER/bin/pip install ruff cfn-lint
zizmor`. Medians of processor and wall time of cold runs, taken in turn.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from os import wait4
from pathlib import Path
from statistics import median
from typing import Any

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
WORKFLOW = """\
name: build
on: [push]
permissions: {}
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: npm ci && npm test
      - run: echo ${{ github.event.head_commit.message }}
"""
TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Description: A bucket and a queue
Parameters:
  Stage: {Type: String, Default: test}
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Sub "data-${Stage}"
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 60}
Outputs:
  Name: {Value: !Ref Bucket}
"""
PROGRAM = """\
import json
import os
from pathlib import Path


def load(path):
    with open(path) as file:
        return json.load(file)


print(load(Path("settings.json")))
"""
PEERS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "ruff, a program": ("ruff", PROGRAM, ("check", "--no-cache", "--exit-zero", "one.py")),
    "zizmor, a workflow": ("zizmor", WORKFLOW, ("--offline", "--quiet", "--no-exit-codes", "one.yml")),
    "cfn-lint, a template": ("cfn-lint", TEMPLATE, ("one.yml",)),
}
"""By what the page calls them: the program, its file, the command."""


def commands(folder: Path, peers: Path | None) -> dict[str, list[str]]:
    """What is run."""
    check = [sys.executable, "-m", "vramlint", "check", "--exit-zero"]
    fits, unfit = (str(EXAMPLES / f"axolotl-llama-3.1-8b-{kind}.yaml") for kind in ("qlora", "full"))
    found = {
        "vramlint, a config that fits": [*check, fits],
        "vramlint, one that does not, with fixes": [*check, unfit],
    }
    for name, (program, text, arguments) in PEERS.items():
        binary = peers / "bin" / program if peers else None
        if binary is None or not binary.exists():
            continue
        home = folder / program / (".github/workflows" if program == "zizmor" else ".")
        home.mkdir(parents=True)
        (home / arguments[-1]).write_text(text, encoding="utf-8")
        found[name] = [str(binary), *arguments[:-1], str(home / arguments[-1])]
    return found


def once(command: list[str]) -> tuple[float, float]:
    """Milliseconds of processor and of wall."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    usage = wait4(process.pid, 0)[2]
    process.returncode = 0
    return 1000 * (usage.ru_utime + usage.ru_stime), 1000 * (time.perf_counter() - started)


def measure(runs: int, peers: Path | None) -> list[dict[str, Any]]:
    """Medians, after a run that warms up."""
    with tempfile.TemporaryDirectory(prefix="one-file-") as folder:
        wanted = commands(Path(folder), peers)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in wanted}
        for _ in range(runs + 1):
            for name, command in wanted.items():
                found[name].append(once(command))
    return [
        {
            "what": name,
            "cpu_ms": round(median(cpu for cpu, _ in pairs[1:]), 1),
            "wall_ms": round(median(wall for _, wall in pairs[1:]), 1),
        }
        for name, pairs in found.items()
    ]


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    print(json.dumps(measure(options.runs, options.peers), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
