"""Try a sample of faults, and write down which of them no test notices.

    python -m mutants.run /tmp/mutants --seed 1

`/tmp/mutants` holds what `mutants.record` left. What is tried already is kept there, so that a run that was
stopped goes on; `--again` tries once more what survived, after tests were added and recorded. The result is
`mutants/data/seed-1.json`; the reasons in it are written by hand, and stay. Faults are tried in mixed order:
what a run has tried that `--minutes` ends is a sample too.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

from mutants import DATA, ROOT
from mutants.choose import Recording
from mutants.operators import Mutant
from mutants.record import copy, git
from mutants.sample import ROOMS, drawn, room_of
from mutants.trial import Bench, Trial

Row = dict[str, Any]
_bench: Bench


def main() -> int:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--budget",
        type=float,
        default=60,
        help="seconds of tests a fault, as long as they took when recorded",
    )
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--minutes", type=float, default=math.inf, help="after which no fault is begun")
    parser.add_argument("--room", action="append", choices=ROOMS, help="only of these; the result is of all")
    options = parser.parse_args()
    scratch = options.scratch.resolve()
    sample = drawn(scratch / "tree", options.seed, options.size)
    rooms = options.room or ROOMS
    mixed = Random(options.seed).sample(sample, len(sample))  # what is tried so far is a sample too
    tried = scratch / f"seed-{options.seed}.jsonl"
    known = {row["key"]: row for row in _tried(tried)}
    until = time.time() + 60 * options.minutes
    if options.again:
        known = {key: row for key, row in known.items() if row["outcome"] != "survived"}
    context = multiprocessing.get_context("spawn")
    numbers = context.Queue()
    for number in range(options.processes):
        numbers.put(number)
    with ProcessPoolExecutor(options.processes, context, _open, (scratch, numbers)) as pool:
        unfit: frozenset[str] = frozenset()
        while left := [each for each in mixed if _key(each) not in known and room_of(each) in rooms]:
            trials = {pool.submit(_attempt, each, options.budget, unfit, until): each for each in left}
            for trial in as_completed(trials):
                mutant, found = trials[trial], trial.result()
                if found is None:
                    continue
                row = _row(mutant, found)
                known[_key(mutant)] = row
                with tried.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                print(f"{row['outcome']:9}{row['place']:60}{row['family']:11}{row['by']}", flush=True)
            by = sorted({row["by"] for row in known.values() if row["by"]} - unfit)
            failing = pool.submit(_failing, by).result()
            unfit |= frozenset(failing)
            for key in [key for key, row in known.items() if row["by"] in failing]:
                del known[key]
            if time.time() >= until:
                break
    commit = git("rev-parse", "HEAD", folder=scratch / "tree")
    first = {row["key"]: row for row in reversed(_tried(tried))}
    rows = [known[_key(each)] for each in sample if _key(each) in known]
    _write(options, rows, _counts([first[row["key"]] for row in rows])["killed"], commit)
    return 0


def _open(scratch: Path, numbers: Any) -> None:
    global _bench
    tree = scratch / f"bench-{numbers.get()}"
    copy(scratch / "tree", tree)
    _bench = Bench(tree, Recording.read(scratch / "record", (scratch / "tree").resolve()))


def _attempt(mutant: Mutant, budget: float, unfit: frozenset[str], until: float) -> Trial | None:
    return _bench.attempt(mutant, budget, unfit) if time.time() < until else None


def _failing(tests: list[str]) -> list[str]:
    return _bench.failing(tests)


def _key(mutant: Mutant) -> str:
    return f"{mutant.file}:{mutant.line}:{mutant.column} {mutant.family} {mutant.after}"


def _row(mutant: Mutant, trial: Trial) -> Row:
    place = f"{mutant.file}:{mutant.line}"
    change = {"before": mutant.before, "after": mutant.after}
    return {"key": _key(mutant), "room": room_of(mutant), "place": place, "family": mutant.family} | (
        change | asdict(trial)
    )


def _tried(file: Path) -> list[Row]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


def _write(options: argparse.Namespace, rows: list[Row], at_first: int, commit: str) -> None:
    file = DATA / f"seed-{options.seed}.json"
    old = json.loads(file.read_text(encoding="utf-8"))["survived"] if file.exists() else []
    reasons = {(row["place"], row["before"], row["after"]): row["reason"] for row in old}
    survived = [
        {name: row[name] for name in ("place", "family", "before", "after")}
        | {"reason": reasons.get((row["place"], row["before"], row["after"]), "")}
        for row in rows
        if row["outcome"] == "survived"
    ]
    rooms = {room: _counts([row for row in rows if row["room"] == room]) for room in ROOMS}
    families = {
        name: _counts([row for row in rows if row["family"] == name])
        for name in sorted({row["family"] for row in rows})
    }
    result = {
        "seed": options.seed,
        "commit": commit,
        "python": sys.version.split()[0],
        "budget": options.budget,
        "drawn": options.size,
        **_counts(rows),
        "killed_at_first": at_first,
        "rooms": rooms,
        "families": families,
        "survived": survived,
    }
    DATA.mkdir(exist_ok=True)
    file.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{result['killed']} of {len(rows)} killed: {file.relative_to(ROOT)}")


def _counts(rows: list[Row]) -> dict[str, int]:
    return {"mutants": len(rows), "killed": sum(row["outcome"] != "survived" for row in rows)}


if __name__ == "__main__":
    sys.exit(main())
