"""The estimates against measured runs that ship with the repository (tests/data/README.md).

The bounds are what the estimates keep to now: a change that makes one worse has to say why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.memory import Estimate
from vramlint.project.workspace import Workspace

DATA = Path(__file__).parent / "data" / "measured.jsonl"
CASES = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
AT_PEAK = {
    "weights": "params",
    "gradients": "gradients",
    "optimizer_states": "optimizer_states",
    "activations": "activations_and_temporaries",
}
"""Our component → its name in the count at the peak."""
STATES = ("weights", "gradients", "optimizer_states")


@dataclass(frozen=True, slots=True)
class Answer:
    """What vramlint says of one run."""

    case: Mapping[str, Any]
    estimate: Estimate | None
    verdict: str | None

    @property
    def error(self) -> float:
        """Relative: +0.1 is ten percent too high; −1 where there is no estimate."""
        measured = self.case["bytes"]
        if self.estimate is None:
            return -1.0
        said = [getattr(self.estimate, total) for total in self.case["totals"]]
        return min(max(measured, min(said)), max(said)) / measured - 1


def answer(case: Mapping[str, Any], folder: Path) -> Answer:
    """The files of a run as somebody's project, estimated."""
    for name, text in case["files"].items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    first = next(iter(case["files"]))
    analysis = analyse(Document.parse(case["files"][first], str(folder / first)), Workspace(folder))
    gpu, estimate = analysis.gpu, analysis.estimate
    verdict = estimate.verdict(gpu.usable_bytes) if estimate is not None and gpu is not None else None
    return Answer(case, estimate, verdict)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    return [answer(case, tmp_path_factory.mktemp("run")) for case in CASES]


def of(answers: list[Answer], *data: str) -> list[Answer]:
    """Those of the named sets that have a figure of a total."""
    return [
        item for item in answers if item.case["data"] in data and item.case["totals"] and item.case["bytes"]
    ]


def quantile(items: list[Answer], share: float) -> float:
    """Of the absolute errors."""
    errors = sorted(abs(item.error) for item in items)
    return errors[min(len(errors) - 1, int(share * len(errors)))]


def test_the_slice_is_what_its_page_says() -> None:
    counts = {
        name: sum(case["data"] == name for case in CASES)
        for name in ("truth", "truth2", "published", "field")
    }
    assert counts == {"truth": 18, "truth2": 17, "published": 19, "field": 24}
    assert all(case["source"] and case["files"] for case in CASES)


def test_every_run_has_an_estimate(answers: list[Answer]) -> None:
    assert [item.case["id"] for item in answers if item.estimate is None] == []


def test_counted_steps(answers: list[Answer]) -> None:
    """Of the common families, losses and methods: each within a fifth of a percent, in the right phase."""
    items = of(answers, "truth")
    assert len(items) == 18
    assert quantile(items, 1) <= 0.002
    assert all(item.estimate and item.estimate.peak_phase == item.case["phase"] for item in items)


@pytest.mark.parametrize("component", ["weights", "optimizer_states"])
def test_components_of_counted_steps(answers: list[Answer], component: str) -> None:
    compared = 0
    for item in of(answers, "truth"):
        counted = item.case["at_peak"][AT_PEAK[component]]
        if item.estimate is not None and counted > 2**20:
            compared += 1
            assert item.estimate.components[component] == pytest.approx(counted, rel=0.004), item.case["id"]  # type: ignore[index]
    assert compared >= 10


def test_counted_steps_on_new_ground(answers: list[Answer]) -> None:
    """More objectives, adapters, optimizers and families: most are exact, some are far off."""
    items = of(answers, "truth2")
    assert len(items) == 17
    assert quantile(items, 0.5) <= 0.0005
    assert sum(abs(item.error) <= 0.02 for item in items) >= 12
    assert quantile(items, 1) <= 0.39


def test_published_figures(answers: list[Answer]) -> None:
    items = of(answers, "published")
    assert len(items) == 18
    assert quantile(items, 0.5) <= 0.035
    assert sum(abs(item.error) <= 0.1 for item in items) >= 11
    inside = [abs(1 / (1 + item.error) - 1) <= item.estimate.error_band for item in items if item.estimate]
    assert sum(inside) >= 14


def test_reported_figures(answers: list[Answer]) -> None:
    items = of(answers, "field")
    assert len(items) == 5
    assert quantile(items, 0.5) <= 0.29


def test_what_runs_out_of_memory_is_rarely_said_to_fit(answers: list[Answer]) -> None:
    said = [item.verdict for item in answers if item.case.get("outcome") == "oom"]
    assert len(said) == 12
    assert said.count("fits") <= 4
    assert None not in said


def test_what_ran_is_not_refused(answers: list[Answer]) -> None:
    refused = [
        item.case["id"]
        for item in answers
        if item.case.get("outcome") == "ran" and item.verdict == "does_not_fit"
    ]
    assert sum(item.case.get("outcome") == "ran" for item in answers) >= 25
    assert set(refused) <= {"trl-grpo-qwen3-0.6B"}


def test_states_by_formula(answers: list[Answer]) -> None:
    """Weights, gradients and optimizer states by a paper's formula or an engine's source."""
    compared = 0
    for item in answers:
        if item.estimate is None:
            continue
        sizes = item.estimate.component_sizes
        wanted = dict(item.case.get("components", {}))
        have: dict[str, float] = {name: sizes[name] for name in wanted}  # type: ignore[index]
        if item.case.get("metric") == "states":
            wanted["states"], have["states"] = item.case["bytes"], sum(sizes[name] for name in STATES)  # type: ignore[index]
        compared += len(wanted)
        assert have == pytest.approx(wanted, rel=0.01), item.case["id"]
    assert compared >= 5
