"""The trees that are measured are what the page says of them, and the page says what was found."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))

from long_life import missed  # noqa: E402
from many_files import KINDS, SWEEP, build  # noqa: E402
from performance_page import page  # noqa: E402
from varied_configs import models, varied  # noqa: E402

from vramlint.analysis.analyse import analyse  # noqa: E402
from vramlint.document import Document  # noqa: E402
from vramlint.job import TrainingJob  # noqa: E402
from vramlint.project.overrides import Overrides  # noqa: E402
from vramlint.project.workspace import Workspace  # noqa: E402


def kept(name: str) -> dict[str, object]:
    return json.loads((BENCHMARKS / "data" / f"{name}.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def job(number: int, run: int) -> TrainingJob | None:
    name, text = varied(number, run)
    return analyse(Document.parse(text, f"/nowhere/{name}"), Workspace(Path("/nowhere")), Overrides()).job


@pytest.mark.parametrize("kind", KINDS)
def test_two_of_a_hundred_files_are_configs(kind: str, tmp_path: Path) -> None:
    build(tmp_path, 200, kind)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    configs = [path.read_text(encoding="utf-8") for path in files if not path.name.startswith("part-")]
    assert (len(files), len(configs)) == (200, 4)
    assert kind == "copies" or len(set(configs)) == 4


def test_a_sweep_is_one_run_and_varied_runs_are_not() -> None:
    assert len(models()) >= 40
    assert all(job(number, 3) == job(0, 3) for number in range(1, SWEEP))
    jobs = [job(number, number) for number in range(12)]
    assert all(each is not None and each not in jobs[:at] for at, each in enumerate(jobs))


def test_the_figures_that_are_kept_are_on_the_page() -> None:
    text = page(kept("performance"), kept("speed"), kept("long_life"))
    assert text == (BENCHMARKS.parent / "docs" / "performance.md").read_text(encoding="utf-8")


def test_a_long_day_keeps_its_bounds() -> None:
    assert missed(kept("long_life")) == []
