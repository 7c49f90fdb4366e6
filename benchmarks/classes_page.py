"""Writes classes.md: the estimate as it is now beside the tracker's measurements that classes.json keeps.

Needs no torch.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from class_configs import CLASSES, LABELS, job_of

from vramlint.memory import estimate_job

HERE = Path(__file__).resolve().parent
DATA, PAGE = HERE / "classes.json", HERE / "classes.md"
_HEAD = """# The estimate beside the tracker, class by class

Measured by tracker.py on real classes (transformers 5.23 to 5.24, torch 2.13), six layers and 8,192 words.

Errors are estimate ÷ measured - 1 of the step's peak; MiB. Made by classes.py.
"""


def page() -> str:
    """The comparison as Markdown: classes in the order of CLASSES, settings in that of the measurements."""
    kept = json.loads(DATA.read_text(encoding="utf-8"))
    order = {name: place for place, name in enumerate((*CLASSES, *LABELS))}
    rows, errors = [], []
    for key, truth in sorted(
        kept.items(), key=lambda item: (order[item[1]["class"]], order[item[1]["setting"]])
    ):
        values, setting = json.loads(key)
        ours = estimate_job(job_of(values, setting))
        error = ours.peak_allocated_bytes / truth["peak"] - 1
        errors.append(abs(error))
        same = (
            truth["phase"]
            if truth["phase"] == ours.peak_phase
            else f"{truth['phase']}, ours {ours.peak_phase}"
        )
        sizes = f"{truth['peak'] / 2**20:,.0f} | {ours.peak_allocated_bytes / 2**20:,.0f}"
        rows.append(f"| {truth['class']} | {truth['setting']} | {sizes} | {error:+.2%} | {same} |")
    summary = (
        f"{len({truth['class'] for truth in kept.values()})} classes, {len(rows)} runs: "
        f"median {statistics.median(errors):.2%}, "
        f"95th percentile {sorted(errors)[int(0.95 * len(errors))]:.2%}, worst {max(errors):.2%}."
    )
    table = [
        "| class | setting | measured | estimate | error | phase |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    return "\n".join([_HEAD, summary, "", *table, *rows]) + "\n"


def write_page() -> None:
    """Write classes.md."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write_page()
