"""What the search for fixes costs over a folder of real configs, and whether it finds the least harmful.

    python benchmarks/fit_search.py FOLDER [--files N] [--compared N] [--seed S] [--keep]

Every file of the folder that does not fit an RTX 4090 is searched, N of them if told so. The bounds: the
first way to make it fit is found in 400 ms of processor time; on so many files, drawn by seed, no combination
of the moves that costs less fits, which all of them being tried shows; and in a copy, each way parses, fits,
and leaves all comments and all other values as they were, and every byte outside the lines that it writes.
`--keep` writes what was found to data/fit_search.json.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "benchmarks" / "data" / "fit_search.json"
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "rules"), str(ROOT / "schemas")]

from vramlint.cli.files import Reader  # noqa: E402
from vramlint.lint.fit_fixes import WayToFit, _Tries, ways_to_fit  # noqa: E402
from vramlint.lint.result import Analysis  # noqa: E402
from vramlint.memory.shared_walk import forget  # noqa: E402
from vramlint.project.overrides import Overrides  # noqa: E402

GPU = "RTX 4090"
LIMIT_MS = 400
MOST_COMBINATIONS = 20_000
"""Where more than so many are cheaper than what was found, the file is not compared."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found for one file."""

    path: str
    milliseconds: float
    estimates: int
    checks: int
    title: str | None
    """The least harmful way to make it fit; None where there is none."""
    cheaper: int | None = None
    """Combinations that cost less, all of which were tried; None where the file is not compared."""
    better: str | None = None
    """One of them that fits."""
    wrong: str | None = None
    """What is wrong with the edited copy."""


class Counted(_Tries):
    """Tries that are counted."""

    estimates = 0

    def estimate(self, changes):  # type: ignore[no-untyped-def]
        Counted.estimates += 1
        return super().estimate(changes)


def reader() -> Reader:
    """Reads files as if a GPU were declared in each."""
    return Reader(Overrides(gpu=GPU, isolated=True))


def too_large(folder: Path) -> Iterator[tuple[Path, Analysis]]:
    """The configs that do not fit."""
    known = reader()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        analysis = known.analyse(known.parse(path.read_bytes(), str(path)))
        sized = analysis.job is not None and analysis.capacity is not None
        if sized and analysis.verdict in ("does_not_fit", "tight"):
            yield path, analysis


def searched(path: Path, name: str) -> tuple[Searched, Analysis, WayToFit | None]:
    """The first way to make a file fit, in a process that has seen others but not this one."""
    known = reader()
    analysis = known.analyse(known.parse(path.read_bytes(), str(path)))
    forget()
    gc.collect()
    gc.disable()
    tries = _Tries.estimate
    count = 0

    def estimate(self, changes):  # type: ignore[no-untyped-def]
        nonlocal count
        count += 1
        return tries(self, changes)

    _Tries.estimate = estimate  # type: ignore[method-assign]
    start = time.process_time()
    try:
        way = next(ways_to_fit(analysis), None)
    finally:
        took = 1000 * (time.process_time() - start)
        _Tries.estimate = tries  # type: ignore[method-assign]
        gc.enable()
    return Searched(name, round(took, 1), count, 0, way.title if way else None), analysis, way
