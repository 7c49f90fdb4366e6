"""Recipes beside TRL's own trainers, whose steps benchmarks/trainer_runs.py measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from vramlint.analysis.analyse import analyse
from vramlint.document import Document
from vramlint.project.workspace import Workspace

RUNS = json.loads((Path(__file__).parents[2] / "benchmarks" / "trainers.json").read_text())


@pytest.mark.parametrize("name", RUNS)
def test_the_recipe_needs_what_the_trainer_used(name: str, tmp_path: Path) -> None:
    run: dict[str, Any] = RUNS[name]
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(json.dumps(run["config"]))
    text = f"# vramlint: versions=trl@{run['versions']['trl']}\n{yaml.safe_dump(run['recipe'])}"
    found = analyse(Document.parse(text, str(tmp_path / "recipe.yaml")), Workspace(tmp_path))
    estimate = found.estimate
    assert estimate is not None, found.cannot
    phases, measured = run["measured"]["phases"], run["measured"]
    # Weights beside the trained model are compared elsewhere; a teacher's are not in every estimate.
    stored = measured["weights"] + measured["beside"]
    assert max(phases.values()) - stored == pytest.approx(
        estimate.peak_allocated_bytes - estimate.components["weights"], abs=2.5e-3 * max(phases.values())
    )
