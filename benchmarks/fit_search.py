"""What the search for fixes costs over a folder of real configs, and whether it finds the least harmful.

    python benchmarks/fit_search.py FOLDER [--compared N] [--seed S] [--keep]

Every config of the folder that does not fit an RTX 4090 is searched for the first way to make it fit, which
must be found in 400 ms of processor time. Each way is written into a copy, which must parse and fit, with
every comment, every other value, and every byte outside the edits as it was. On N files drawn by seed all
combinations of the moves that the file can express are tried: none that fits may cost less than what was
found, nor fit where nothing was found. `--keep` writes the figures, and no file, to data/fit_search.json.
"""

from __future__ import annotations

import gc
import json
import platform
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from statistics import median, quantiles
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "benchmarks" / "data" / "fit_search.json"
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "rules"), str(ROOT / "schemas")]

from vramlint.advice.advise import advice_of, offered, overloads, price_of  # noqa: E402
from vramlint.advice.move import HARMS, Move  # noqa: E402
from vramlint.cli.files import Reader  # noqa: E402
from vramlint.cli.fixing import write  # noqa: E402
from vramlint.dialects.kit.edits import with_keys  # noqa: E402
from vramlint.document.edit import apply_edits  # noqa: E402
from vramlint.lint.fit_fixes import Tries, WayToFit, ways_to_fit  # noqa: E402
from vramlint.lint.result import Analysis  # noqa: E402
from vramlint.memory.remembered import forget  # noqa: E402
from vramlint.project.overrides import Overrides  # noqa: E402

GPU = "RTX 4090"
LIMIT_MS = 400
BOUNDS = ("files over 400 ms", "copies that are wrong", "files where less is enough")
"""Figures that must be 0."""
Price = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Searched:
    """The search of one file."""

    path: Path
    milliseconds: float
    way: WayToFit | None
    wrong: str = ""
    """What is wrong with the edited copy."""


def analysed(path: Path) -> Analysis:
    """The file as if the GPU were declared in it, read by a reader of its own."""
    reader = Reader(Overrides(gpu=GPU, isolated=True))
    return reader.analyse(reader.parse(path.read_bytes(), str(path)))


def too_large(folder: Path) -> Iterator[Path]:
    """The configs that do not fit."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found = analysed(path)
        known = found.job is not None and found.capacity is not None
        if known and found.verdict in ("does_not_fit", "tight"):
            yield path


def searched(path: Path) -> Searched:
    """The first way to make a file fit, in a process that is warm but has walked nothing of this one."""
    analysis = analysed(path)
    forget()
    gc.collect()
    gc.disable()
    start = time.process_time()
    way = next(ways_to_fit(analysis), None)
    took = 1000 * (time.process_time() - start)
    gc.enable()
    return Searched(path, took, way, "" if way is None else "; ".join(faults(path, analysis, way)))


def faults(path: Path, before: Analysis, way: WayToFit) -> Iterator[str]:
    """What is wrong with a copy of the file that a way is written into."""
    data = path.read_bytes()
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(data)
        write(str(copy), data, apply_edits(before.document.text, way.edits))
        written = copy.read_bytes()
        copy.write_bytes(data)
        again = Reader(Overrides(gpu=GPU, isolated=True))
        after = again.analyse(again.parse(written, str(path)))
    if len(after.document.problems) > len(before.document.problems):
        yield f"it does not parse: {after.document.problems[-1].message}"
    if after.verdict != "fits":
        yield f"its verdict is {after.verdict}"
    if (after.document.values() or {}) != with_keys(before.values, way.keys):
        yield "other values changed"
    kept = [comment.text for comment in after.document.comments]
    if lost := [comment.text for comment in before.document.comments if comment.text not in kept]:
        yield f"comments are gone: {lost}"
    yield from _other_bytes(data, written, before, way)


def _other_bytes(data: bytes, written: bytes, before: Analysis, way: WayToFit) -> Iterator[str]:
    """Whether something changed outside the edits: walks both files from edit to edit."""
    at = 0
    text = before.document.text
    encoded = [
        (len(text[: edit.start].encode()), len(text[: edit.end].encode()), edit.text.encode())
        for edit in sorted(way.edits)
    ]
    mark = len(data) - len(text.encode())
    done = 0
    for start, end, put in (*encoded, (len(text.encode()), len(text.encode()), b"")):
        same = data[mark + done : mark + start]
        if not written.startswith(same, mark + at):
            yield f"bytes changed before offset {start}"
            return
        at += len(same) + len(put)
        done = end
    if len(written) != mark + at:
        yield "bytes were added at the end"


def price(moves: Sequence[Move]) -> Price:
    """What moves cost together, the worst harm first."""
    return tuple(
        round(sum(parts), 9) for parts in zip((0.0,) * len(HARMS), *map(price_of, moves), strict=True)
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """All combinations of the moves of one file."""

    combinations: int
    fitting: int
    least: Price | None
    """The price of the least harmful that fits."""
    title: str = ""
    by_replay: int = 0
    """Those that cost less than it, too large by count, and yet fit by a replay of the allocator."""


def compared(path: Path, found: Price | None) -> Compared:
    """Try every combination of the moves that a file can express."""
    analysis = analysed(path)
    job, capacity, tries = analysis.job, analysis.capacity, Tries(analysis)
    assert job is not None
    assert capacity is not None
    tries.most_checks = sys.maxsize
    steps = offered(job, lambda changes: tries.keys(changes) is not None)
    before = tries.estimate({})
    assert before is not None
    count = fitting = by_replay = 0
    least: tuple[Price, str] | None = None
    for levels in product(*((None, *way) for way in steps)):
        moves = tuple(move for move in levels if move is not None)
        advice = advice_of(job, moves, tries.estimate) if moves else None
        if advice is None or advice.estimate.why_unknown or overloads(before, advice.estimate):
            continue
        count += 1
        cost = price(moves)
        if advice.estimate.rough.high_bytes <= capacity:
            if (least is None or cost < least[0]) and tries.confirm(advice) == "enough":
                least = cost, advice.title
            fitting += 1
        elif (found is None or cost < found) and advice.estimate.fits(capacity):
            by_replay += tries.confirm(advice) == "enough"
    return Compared(count, fitting, *(least or (None, "")), by_replay=by_replay)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a bound is missed."""
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--compared", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args(arguments)
    runs = [searched(path) for path in too_large(options.folder)]
    sample = Random(options.seed).sample(runs, min(options.compared, len(runs)))
    rows = {**searches(runs), **comparisons(sample)}
    for name, value in rows.items():
        print(f"{name:<54} {value:>8}")
    if options.keep:
        about = {"python": platform.python_version(), "gpu": GPU, "seed": options.seed, **rows}
        KEPT.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return int(any(rows[name] for name in BOUNDS))


def searches(runs: Sequence[Searched]) -> dict[str, float]:
    """The figures of all searches; what is wrong with a copy is printed."""
    found = [run for run in runs if run.way is not None]
    times = sorted(run.milliseconds for run in found)
    for run in found:
        if run.wrong:
            print(f"{run.path}: {run.way and run.way.title}: {run.wrong}")
    return {
        "files that do not fit": len(runs),
        "files with a way to fit": len(found),
        "median ms": round(median(times), 1),
        "95 % below ms": round(quantiles(times, n=20)[-1], 1),
        "most ms": round(times[-1], 1),
        "most ms, with nothing found": round(
            max((run.milliseconds for run in runs if not run.way), default=0), 1
        ),
        "files over 400 ms": sum(took > LIMIT_MS for took in times),
        "copies that are wrong": sum(bool(run.wrong) for run in found),
    }


def comparisons(sample: Sequence[Searched]) -> dict[str, float]:
    """The figures of the files on which every combination is tried; where less is enough is printed."""
    combinations = not_least = by_replay = 0
    for run in sample:
        own = price(run.way.advice.moves) if run.way else None
        every = compared(run.path, own)
        combinations += every.combinations
        by_replay += bool(every.by_replay)
        if every.least != own:
            not_least += 1
            print(f"{run.path}: found {run.way and run.way.title}, least harmful is {every.title}")
    return {
        "files compared": len(sample),
        "combinations tried": combinations,
        "files where less is enough": not_least,
        "files where only a replay shows that less is enough": by_replay,
    }


if __name__ == "__main__":
    sys.exit(main())
