"""What `defaults:` means, as Hydra's own resolution has it (hydra 1.3, core/default_element.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vramlint.dialects.kit.dialect import Companion
from vramlint.dialects.kit.hydra_defaults import inherit


def opener(files: dict[str, Any]) -> Callable[[str], Companion | None]:
    return lambda name: Companion(name, files[name], None) if name in files else None


def test_names_in_a_group_start_at_the_group_and_not_at_the_files_folder() -> None:
    files = {
        "data/crawl/curate.yaml": {"defaults": ["crawl/split/even"], "kept": True},
        "data/crawl/split/even.yaml": {"parts": 4},
    }
    found = inherit({"defaults": [{"data": "crawl/curate"}]}, opener(files))
    assert found.missing == []
    assert found.values["data"]["kept"] is True
    assert set(found.parents) == set(files)


def test_names_beside_a_file_are_found_too() -> None:
    files = {"data/crawl/curate.yaml": {"defaults": ["even"]}, "data/crawl/even.yaml": {"parts": 4}}
    assert inherit({"defaults": ["data/crawl/curate"]}, opener(files)).missing == []


def test_the_groups_that_hydra_brings_are_in_no_workspace() -> None:
    defaults = [{"override hydra/job_logging": "stdout"}, {"override /hydra/launcher": "submitit_slurm"}]
    assert inherit({"defaults": [*defaults, "hydra/output/own"]}, opener({})).missing == []
    assert inherit({"defaults": [{"hydrant": "own"}]}, opener({})).missing == ["hydrant/own"]
