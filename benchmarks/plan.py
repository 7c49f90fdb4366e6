"""How the planner does on layouts that practitioners published, and on a model's whole sweep of layouts.

    .venv/bin/python benchmarks/plan.py FOLDER [ID …]

FOLDER holds `layouts.jsonl`: published layouts, each with a job file, the GPUs, the rows of a step and the
degrees; and `bloom_sweep.jsonl`: layouts of one model with measured seconds a step. It prints the place of
the published degrees among the proposals, whether a layout whose recomputation is published is called too
large, and how much slower than the best the layout is that the planner picks from each group of the sweep.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "rules"), str(ROOT / "schemas")]

import vramlint  # noqa: E402
from vramlint.analysis.layouts import means_of  # noqa: E402
from vramlint.catalog.gpus import find_gpu  # noqa: E402
from vramlint.planning.layout import Family, Layout  # noqa: E402
from vramlint.planning.ranking import NoPlan, plan, predicted  # noqa: E402
from vramlint.planning.rates import rates_of  # noqa: E402
from vramlint.planning.step_time import Setting  # noqa: E402
from vramlint.planning.work import Work  # noqa: E402

FIRST = 10
DEGREES = ("tensor", "pipeline", "context", "expert")


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def place(row: Mapping[str, Any]) -> int | None:
    """Where the published degrees are among thirty proposals, from 1."""
    report = vramlint.estimate(row["job"])
    analysis = report.analysis
    job, gpu = analysis.job, analysis.gpu
    rates = rates_of(gpu) if gpu else None
    if job is None or rates is None:
        return None
    try:
        found = plan(job, rates, row["gpus"], row["global_batch"], means_of(analysis, job), 30)
    except NoPlan:
        return None
    degrees = [tuple(getattr(each.layout.family, name) for name in DEGREES) for each in found]
    wanted = tuple(row[name] for name in DEGREES)
    return degrees.index(wanted) + 1 if wanted in degrees else None


def is_mixture(row: Mapping[str, Any]) -> bool:
    model = vramlint.estimate(row["job"]).analysis.job.model  # type: ignore[union-attr]
    return any("expert" in key for key in model.config)


def published(folder: Path, wanted: Sequence[str]) -> None:
    """Print the place of each layout, and the shares."""
    places: dict[bool, list[int | None]] = {True: [], False: []}
    for row in rows(folder / "layouts.jsonl"):
        if wanted and row["id"] not in wanted:
            continue
        found, mixture = place(row), is_mixture(row)
        places[mixture].append(found)
        verdict = vramlint.estimate(row["job"]).verdict
        certain = row["recompute"] != "unknown" and verdict == "does_not_fit"
        print(f"{row['id']:<28} place {found or '-':>3}{'  CALLED NOT FEASIBLE' if certain else ''}")
    for name, found_places in (
        ("dense", places[False]),
        ("mixtures", places[True]),
        ("all", places[True] + places[False]),
    ):
        if found_places:
            first = sum(each is not None and each <= FIRST for each in found_places)
            print(f"{name}: {first} of {len(found_places)} among the first {FIRST}")


def sweep(folder: Path) -> None:
    """Print, for each shape on one number of nodes, how much slower the planner's pick is than the best."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows(folder / "bloom_sweep.jsonl"):
        if row["layers"] and row["step_seconds"] and row["global_batch"] >= 2000:
            groups[row["hidden"], row["layers"], row["heads"], row["nodes"]].append(row)
    gpu = find_gpu("A100-80GB")
    rates = rates_of(gpu) if gpu else None
    assert rates is not None
    for (hidden, layers, heads, nodes), measured in groups.items():
        layouts = {(row["tensor"], row["pipeline"], row["data"], row["micro_batch"]) for row in measured}
        if len(layouts) < 2:
            continue
        matrices, vocabulary = 12 * layers * hidden * hidden, 250_880 * hidden
        work = Work(
            layers, hidden, heads, heads, hidden, hidden, 250_880, matrices, 0, vocabulary,
            matrices + vocabulary, operations=23 * layers,
        )  # fmt: skip
        setting = Setting(work, rates, 2048)
        pick = min(measured, key=lambda row: predicted(_layout(row), setting))
        same = [row for row in measured if _layout(row) == _layout(pick)]
        taken, best = min(row["step_seconds"] for row in same), min(row["step_seconds"] for row in measured)
        print(f"{layers} × {hidden}, {heads} heads, {nodes} nodes: {taken / best - 1:.1%} over the best")


def _layout(row: Mapping[str, Any]) -> Layout:
    family = Family(row["tensor"], row["pipeline"], 1, 1, row["data"], "zero1")
    return Layout(
        family, row["micro_batch"], row["global_batch"] // row["data"] // row["micro_batch"], 1, "full"
    )


if __name__ == "__main__":
    published(Path(sys.argv[1]), sys.argv[2:])
    if not sys.argv[2:]:
        sweep(Path(sys.argv[1]))
