"""vramlint's answers on the measured runs, asked as a user asks: files handed to `vramlint estimate`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measured import COMPONENTS, SHARED, Case

SEVERAL = 200
"""Files a call."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What vramlint says of one file of a case. `said` is the JSON of `vramlint estimate`."""

    case: Case
    dialect: str
    said: dict[str, Any]

    @property
    def estimate(self) -> int | None:
        """Bytes of the total that stands for what was measured, None where there is no estimate. Where nobody
        says what was measured, the nearest point between the totals that it can be.
        """
        between = [self.said[name] for name in self.case.totals if name in self.said]
        if len(between) < 2 or self.case.measured is None:
            return self.said.get(self.case.total)
        return min(max(self.case.measured, min(between)), max(between))

    @property
    def error(self) -> float | None:
        """Relative: +0.1 is an estimate ten percent too high."""
        if self.estimate is None or self.case.measured is None:
            return None
        return self.estimate / self.case.measured - 1

    @property
    def band(self) -> float | None:
        """Relative half-width of the error band."""
        return self.said.get("error_band")

    @property
    def inside(self) -> bool | None:
        """Whether the measured figure lies in the band around the total that stands for it."""
        if self.estimate is None or self.case.measured is None or self.band is None:
            return None
        return abs(self.case.measured / self.estimate - 1) <= self.band

    @property
    def component_errors(self) -> dict[str, float]:
        """Relative error of each component at the peak, for the truth's components above a mebibyte."""
        at_peak = self.case.detail.get("measured", {}).get("at_peak") if self.case.data == "truth" else None
        if at_peak is None or self.estimate is None:
            return {}
        return {
            ours: self.said["components"][ours] / at_peak[theirs] - 1
            for ours, theirs in COMPONENTS.items()
            if at_peak[theirs] > 2**20
        }

    @property
    def phase_right(self) -> bool | None:
        """Whether the peak is in the phase that was measured."""
        if self.case.data != "truth" or self.estimate is None:
            return None
        return bool(self.said["peak_phase"] == self.case.detail["measured"]["peak_phase"])


def answers(every: Sequence[Case]) -> list[Answer]:
    """One for the job file of each case, and one for each framework's config of it."""
    found: list[Answer] = []
    with tempfile.TemporaryDirectory() as folder:
        for case in every:
            Path(folder, f"{case.id}.job.json").write_text(json.dumps(case.job))
        said = estimates([f"{case.id}.job.json" for case in every], Path(folder))
        found += [Answer(case, "job", said.get(f"{case.id}.job.json", {})) for case in every]
    configs = [
        (case, dialect, path) for case in every for dialect, path in case.detail.get("configs", {}).items()
    ]
    said = estimates([path for *_, path in configs], SHARED / "truth")
    return found + [Answer(case, dialect, said.get(path, {})) for case, dialect, path in configs]


def estimates(paths: Sequence[str], folder: Path) -> dict[str, dict[str, Any]]:
    """What vramlint says of files below `folder`, by path."""
    found = {}
    for start in range(0, len(paths), SEVERAL):
        command = [
            sys.executable,
            "-m",
            "vramlint",
            "estimate",
            "--format",
            "jsonl",
            *paths[start : start + SEVERAL],
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
        for line in done.stdout.splitlines():
            item = json.loads(line)
            found[item["path"]] = item
    return found


def of_dialect(found: Iterable[Answer], *dialects: str) -> list[Answer]:
    """Those of the named dialects."""
    return [answer for answer in found if answer.dialect in dialects]
