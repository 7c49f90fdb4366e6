"""Writes docs/performance.md and the figures it shows, `data/performance.json`.

    python benchmarks/performance.py [--files 100000] [--runs 3]
    python benchmarks/performance.py --page          the page alone, from the figures that are there

Everything is of one run on one machine, which the page names with its load: take the figures where nothing
else runs. Processor time is compared, of all processes of a command; ruff, where it is installed, looks at
the same files.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from many_files import build, cost, measure
from startup import measure as starts

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "benchmarks" / "data" / "performance.json"
PAGE = ROOT / "docs" / "performance.md"


def figures(files: int, runs: int) -> dict[str, Any]:
    """Everything that the page shows."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        "runs": runs,
        "starts": {name: round(1000 * seconds, 1) for name, (seconds, _) in starts(runs).items()},
        "trees": [tree(number, distinct, runs) for number, distinct in _trees(files)],
    }


def _trees(files: int) -> list[tuple[int, bool]]:
    return [(1_000, False), (1_000, True), (files, False)]


def tree(files: int, distinct: bool, runs: int) -> dict[str, Any]:
    """A tree of so many files."""
    with tempfile.TemporaryDirectory(prefix="performance-") as temporary:
        folder = Path(temporary)
        build(folder, files, distinct)
        found = measure(folder, runs)
        if ruff := shutil.which("ruff", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"):
            command = [ruff, "check", "--no-cache", "--exit-zero", "--quiet", "."]
            found["ruff"] = asdict(cost(command, folder))
    return {"files": files, "distinct": distinct, **found}


def page(found: dict[str, Any]) -> str:
    """The page of some figures."""
    bare = found["starts"]["python -c pass"]
    lines = [
        "# Performance",
        "",
        "Written by `python benchmarks/performance.py`; its figures: `benchmarks/data/performance.json`.",
        "",
        f"One run on {found['machine']}, Python {found['python']}, with a load of {found['load']} when it "
        f"began; of {found['runs']} runs of each command the one that took least processor time.",
        "",
        "## Starts",
        "",
        "| command | ms of processor | bare starts of Python |",
        "| --- | --: | --: |",
        *(f"| `{name}` | {ms:.0f} | {ms / bare:.1f} |" for name, ms in found["starts"].items()),
        "",
        "## Many files",
        "",
        'Two files of a hundred are training configs. "Reading" is walking and reading the same files in '
        "plain Python. Memory is the most that all processes held at once.",
        "",
        "| files | configs | reading, s | check, s | times reading | MiB | µs for a file that is no config | "
        "ruff, s |",
        "| --: | --- | --: | --: | --: | --: | --: | --: |",
        *map(_row, found["trees"]),
        "",
        "ruff looks at the Python files among them alone.",
        "",
    ]
    return "\n".join(lines)


def _row(tree: dict[str, Any]) -> str:
    ruff = f"{tree['ruff']['processor']:.2f}" if "ruff" in tree else ""
    cells = (
        f"{tree['files']:,}",
        "no two alike" if tree["distinct"] else "copies of four",
        f"{tree['reading']['processor']:.2f}",
        f"{tree['check']['processor']:.2f}",
        f"{tree['times']:.1f}",
        f"{tree['peak_mib']:.0f}",
        f"{tree['sniff_us']:.1f}",
        ruff,
    )
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Measure, unless the page alone is wanted, and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    if not options.page:
        found = figures(options.files, options.runs)
        DATA.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(json.loads(DATA.read_text(encoding="utf-8"))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
