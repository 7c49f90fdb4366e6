"""How the planner does on layouts that practitioners published, and on a model's whole sweep of layouts.

    .venv/bin/python benchmarks/plan.py FOLDER [ID …]

FOLDER holds `layouts.jsonl`: published layouts, each with a job file, the GPUs, the rows of a step and the
degrees; and perhaps `bloom_sweep.jsonl`: layouts of one model with measured seconds a step. It prints the
place of the published degrees among the proposals, whether a layout whose recomputation is published is
called too large, and how much slower than the best the layout is that the planner picks from each group of
the sweep. `benchmarks/data/held_out` has layouts of the same publishers that nobody looked at before the
planner was made.
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
from vramlint.analysis.layouts import cluster_of, layouts_for  # noqa: E402
from vramlint.catalog.gpus import find_gpu  # noqa: E402
from vramlint.catalog.rates import rates_of  # noqa: E402
from vramlint.lazy_dataclasses import replace  # noqa: E402
from vramlint.memory.architectures.fallback import flat  # noqa: E402
from vramlint.planning.layout import Family, Layout  # noqa: E402
from vramlint.planning.products import Matrix  # noqa: E402
from vramlint.planning.ranking import NoPlan, predicted  # noqa: E402
from vramlint.planning.step_time import BLOCKING, Setting  # noqa: E402
from vramlint.planning.work import Work  # noqa: E402

FIRST = 10
COMPILED = ("olmo-core",)
"""Sources whose scripts compile every layer (`compile_model=True`, src/scripts/official at fa6c501), as
the job files of their rows do not say.
"""
NETWORK = 6.25e9
"""Bytes/s of a GPU on the sweep's cluster: four links of 100 Gb/s for the eight of a node (bigscience,
train/tr11-176B-ml/README.md).
"""
DEGREES = ("tensor", "pipeline", "context", "expert")


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def place(row: Mapping[str, Any]) -> int | None:
    """Where the published degrees are among thirty proposals, from 1."""
    analysis = vramlint.estimate(row["job"]).analysis
    try:
        cluster = cluster_of(analysis, row["gpus"] // analysis.declared.count, row["global_batch"])
        found = layouts_for(cluster, 30)
    except NoPlan:
        return None
    degrees = [tuple(getattr(each, name) for name in DEGREES) for each in found]
    wanted = tuple(row[name] for name in DEGREES)
    return degrees.index(wanted) + 1 if wanted in degrees else None


def as_published(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The row's job file with its published recomputation; None where none is."""
    published, _, rest = row["recompute"].partition(":")
    if published == "unknown":
        return None
    said: dict[str, Any] = {**row["job"], "compile": row["source"] in COMPILED}
    if published == "selective":
        said["gradient_checkpointing"] = {"modules": rest.split(",")}
    elif published == "budget":
        said["gradient_checkpointing"] = {"budget": float(rest)}
    return said


def is_mixture(row: Mapping[str, Any]) -> bool:
    model = vramlint.estimate(row["job"]).analysis.job.model  # type: ignore[union-attr]
    return any("expert" in key for key in flat(model.config))


def published(folder: Path, wanted: Sequence[str]) -> None:
    """Print the place of each layout, and the shares."""
    places: dict[bool, list[int | None]] = {True: [], False: []}
    for row in rows(folder / "layouts.jsonl"):
        if wanted and row["id"] not in wanted:
            continue
        found, mixture = place(row), is_mixture(row)
        places[mixture].append(found)
        job = as_published(row)
        certain = job is not None and vramlint.estimate(job).verdict == "does_not_fit"
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
    """Print, for each shape on one number of nodes, how much slower the planner's pick is than the best: with
    what is known of the cluster, and as for any cluster of such GPUs.
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows(folder / "bloom_sweep.jsonl"):
        if row["layers"] and row["step_seconds"] and row["global_batch"] >= 2000:
            groups[row["hidden"], row["layers"], row["heads"], row["nodes"]].append(row)
    for (hidden, layers, heads, nodes), measured in groups.items():
        if len({_layout(row) for row in measured}) < 2:
            continue
        best = min(row["step_seconds"] for row in measured)
        over = []
        for setting in _settings(hidden, layers, heads):
            pick = _layout(min(measured, key=lambda row: predicted(_layout(row), setting)))
            taken = min(row["step_seconds"] for row in measured if _layout(row) == pick)
            over.append(f"{taken / best - 1:.1%}")
        print(
            f"{layers} × {hidden}, {heads} heads, {nodes} nodes: {over[0]} over the best "
            f"({over[1]} if nothing is known of the cluster)"
        )


def _settings(hidden: int, layers: int, heads: int) -> Iterator[Setting]:
    """The sweep's model on its cluster (no sequence parallelism, 16-bit gradients, a host that waits), and on
    any.
    """
    gpu = find_gpu("A100-80GB")
    rates = rates_of(gpu) if gpu else None
    assert rates is not None
    vocabulary = 250_880
    matrices, head = 12 * layers * hidden * hidden, vocabulary * hidden
    work = Work(
        layers, hidden, heads, heads, hidden, hidden, vocabulary, matrices, 0, head, matrices + head,
        operations=23 * layers, matrices=_matrices(hidden, layers),
    )  # fmt: skip
    known = replace(rates, network=NETWORK)
    yield Setting(work, known, 2048, gradient_bytes=2, sequence=False, wait=BLOCKING)
    yield Setting(work, rates, 2048)


def _matrices(hidden: int, layers: int) -> tuple[Matrix, ...]:
    """Of a layer as GPT-3 has it."""
    return (
        Matrix(3 * hidden, hidden, layers, "outputs"),
        Matrix(hidden, hidden, layers, "inputs"),
        Matrix(4 * hidden, hidden, layers, "outputs"),
        Matrix(hidden, 4 * hidden, layers, "inputs"),
    )


def _layout(row: Mapping[str, Any]) -> Layout:
    family = Family(row["tensor"], row["pipeline"], 1, 1, row["data"], "zero1")
    return Layout(
        family, row["micro_batch"], row["global_batch"] // row["data"] // row["micro_batch"], 1, "full"
    )


if __name__ == "__main__":
    published(Path(sys.argv[1]), sys.argv[2:])
    if not sys.argv[2:] and (Path(sys.argv[1]) / "bloom_sweep.jsonl").is_file():
        sweep(Path(sys.argv[1]))
