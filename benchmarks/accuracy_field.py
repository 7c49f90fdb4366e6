"""Runs that other people reported, against the verdict and the figures: a section of docs/accuracy.md.

The data lies beside the checkout (`field/`, and a model's sweep of layouts in `plan/`), as config files with
what happened: a run trained, or went out of memory, or somebody printed a figure.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accuracy_causes import figure_cause, verdict_cause
from accuracy_figures import SUMMARY_HEAD, grouped, percent, summary, summary_row, table
from measured import SHARED
from ours import estimates

GIB = 2**30
TOTALS = {
    "allocated": "peak_allocated_bytes",
    "reserved": "peak_reserved_bytes",
    "device": "process_bytes",
    "nvidia-smi": "process_bytes",
}
"""The total that stands for a reading."""
OUTCOMES = ("ran", "oom")
VERDICTS = ("fits", "tight", "does_not_fit", "unknown")
WRONG = {("oom", "fits"), ("ran", "does_not_fit")}
FAR = 0.10


@dataclass(frozen=True, slots=True)
class Reported:
    """One reported run and what vramlint says of it. `measured` in bytes per GPU."""

    id: str
    source: str
    outcome: str | None
    metric: str | None
    measured: float | None
    said: dict[str, Any]

    @property
    def verdict(self) -> str:
        """What vramlint says of the declared GPU."""
        return str(self.said.get("verdict", "no estimate"))

    @property
    def error(self) -> float | None:
        """Relative, where a figure was printed."""
        total = TOTALS.get(self.metric or "")
        estimate = self.said.get(total) if total else None
        return estimate / self.measured - 1 if estimate and self.measured else None


def reported() -> list[Reported]:
    """Every run of `field/`."""
    folder = SHARED / "field"
    cases = [json.loads(line) for line in (folder / "cases.jsonl").read_text().splitlines()]
    said = estimates([case["file"] for case in cases], folder)
    return [
        Reported(
            case["id"],
            case["source"],
            case.get("outcome"),
            case.get("metric"),
            case.get("bytes"),
            said.get(case["file"], {}),
        )
        for case in cases
    ]


def sweep() -> list[Reported]:
    """BLOOM's layouts on A100-80GB, those whose job is whole and whose reading is certain."""
    lines = (SHARED / "plan" / "bloom_sweep.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if "job" in row and row["expect"].get("certain", True)]
    with tempfile.TemporaryDirectory() as folder:
        for row in rows:
            Path(folder, f"{row['id']}.job.json").write_text(json.dumps(row["job"]))
        said = estimates([f"{row['id']}.job.json" for row in rows], Path(folder))
    return [
        Reported(
            row["id"],
            "BLOOM's sweep",
            "oom" if row["oom"] else "ran",
            row["expect"]["kind"],
            row["expect"]["gib"] * GIB if "gib" in row["expect"] else None,
            said.get(f"{row['id']}.job.json", {}),
        )
        for row in rows
    ]


def section(runs: Sequence[Reported], layouts: Sequence[Reported]) -> Iterator[str]:
    """The paragraphs and tables."""
    yield "## What happened to reported runs"
    yield (
        "Config files of runs that people reported in public threads and tables, with the outcome. A run "
        "that ran out of memory although the verdict is `fits` is a miss; a run that trained although the"
        " verdict is `does not fit` is a false alarm. Each wrong verdict is listed below with what is "
        "known about it."
    )
    yield from _verdicts(runs)
    figures = [run for run in runs if run.error is not None]
    rows = [
        summary_row(name, summary(run.error for run in group))
        for name, group in grouped(figures, lambda run: run.source).items()
    ]
    yield "The figures in these reports, by source, and each estimate that is more than ten percent off:"
    yield table(("source", *SUMMARY_HEAD[1:]), rows)
    far = sorted(figures, key=lambda run: -abs(run.error or 0))
    yield table(
        ("error", "measured GiB", "run", "what is known"),
        [
            [percent(run.error, True), f"{(run.measured or 0) / GIB:.2f}", run.id, figure_cause(run.id)]
            for run in far
            if abs(run.error or 0) > FAR
        ],
        left=4,
    )
    yield from _layouts(layouts)


def _verdicts(runs: Sequence[Reported]) -> Iterator[str]:
    counted = Counter((run.outcome, run.verdict) for run in runs if run.outcome)
    yield table(
        ("what happened", *(verdict.replace("_", " ") for verdict in VERDICTS)),
        [[outcome, *(str(counted[outcome, verdict]) for verdict in VERDICTS)] for outcome in OUTCOMES],
    )
    yield table(
        ("run", "happened", "said", "device GiB", "what is known"),
        [
            [
                run.id,
                str(run.outcome),
                run.verdict.replace("_", " "),
                f"{run.said['device_bytes'] / GIB:.1f}",
                verdict_cause(run.id),
            ]
            for run in runs
            if (run.outcome, run.verdict) in WRONG
        ],
        left=5,
    )


def _layouts(layouts: Sequence[Reported]) -> Iterator[str]:
    errors = [abs(run.error) for run in layouts if run.error is not None]
    missed = [run for run in layouts if (run.outcome, run.verdict) == ("oom", "fits")]
    yield (
        f"One model in many layouts: BLOOM's sweep on A100-80GB, as shown by nvidia-smi. {len(errors)} "
        f"readings, median error {percent(statistics.median(errors))}. Of its out-of-memory runs that a job "
        f"file can describe, {len(missed)} {'has' if len(missed) == 1 else 'have'} the verdict `fits`."
    )
