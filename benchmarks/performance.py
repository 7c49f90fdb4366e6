"""Writes docs/performance.md and the figures it shows, `data/performance.json`.

    python benchmarks/performance.py [--files 100000] [--runs 3] [--peers FOLDER] [--yaml-server "node …"]
        [--torch PYTHON] [--day]
    python benchmarks/performance.py --page          the page alone, from the figures that are there

Everything is of one run on one machine, which the page names with its load: take the figures where nothing
else runs. FOLDER is an environment with ruff, zizmor and cfn-lint (see `one_file`); without one, and without
a YAML server (see `editor_rhythm`), their rows are left out. `--torch` measures MemTracker again (see
`speed`), `--day` what a server keeps over a long day (see `long_life`); without them the page shows the
figures that are kept. TMPDIR=/dev/shm spares the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import editor_rhythm
import one_file
from many_files import build, cost, measure
from performance_page import page
from startup import measure as starts

BENCHMARKS = Path(__file__).resolve().parent
DATA = BENCHMARKS / "data" / "performance.json"
PAGE = BENCHMARKS.parent / "docs" / "performance.md"
ROUNDS = 30
"""Of an editor's changes."""


def figures(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that the page shows, but what has a file of its own."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        "runs": options.runs,
        "starts": {name: round(1000 * seconds, 1) for name, (seconds, _) in starts(options.runs).items()},
        "one": one_file.measure(3 * options.runs, options.peers),
        "editor": editor_rhythm.measure(ROUNDS, options.yaml_server),
        "trees": [tree(*each, options.peers) for each in _trees(options.files, options.runs)],
    }


def _trees(files: int, runs: int) -> list[tuple[int, str, int]]:
    """Files, kind of the configs, runs: one where a run takes minutes."""
    small = [(1_000, kind, runs) for kind in ("copies", "sweeps", "varied")]
    return [*small, (files, "copies", runs), (files, "sweeps", 1), (files, "varied", 1)]


def tree(files: int, kind: str, runs: int, peers: Path | None) -> dict[str, Any]:
    """A tree of so many files."""
    with tempfile.TemporaryDirectory(prefix="performance-") as temporary:
        folder = Path(temporary)
        build(folder, files, kind)
        found = measure(folder, runs)
        if ruff := shutil.which("ruff", path=f"{peers}/bin") if peers else None:
            command = [ruff, "check", "--no-cache", "--exit-zero", "--quiet", "."]
            found["ruff"] = asdict(cost(command, folder))
    return {"files": files, "kind": kind, **found}


def kept(name: str) -> dict[str, Any]:
    """Figures that have a file of their own."""
    found: dict[str, Any] = json.loads((BENCHMARKS / "data" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def main() -> int:
    """Measure, unless the page alone is wanted, and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--yaml-server", type=shlex.split)
    parser.add_argument("--torch")
    parser.add_argument("--day", action="store_true")
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    if not options.page:
        DATA.write_text(json.dumps(figures(options), indent=1) + "\n", encoding="utf-8")
        if options.torch:
            subprocess.run([options.torch, BENCHMARKS / "speed.py", "--keep"], check=False)
        if options.day:
            subprocess.run([sys.executable, BENCHMARKS / "long_life.py", "--write"], check=False)
    text = page(kept("performance"), kept("speed"), kept("long_life"))
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
