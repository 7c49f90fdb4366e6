"""An estimate is worked out once for equal runs, and anew for any other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vramlint.analysis.analyse import analyse
from vramlint.catalog.models import Models
from vramlint.document import Document
from vramlint.job import FrameworkDefault, TrainingJob
from vramlint.memory import Estimate, estimate_job, remembered
from vramlint.memory.remembered import remembered_estimate
from vramlint.project.overrides import Overrides
from vramlint.project.workspace import Workspace

LLAMA = Models().model("meta-llama/Llama-3.2-1B")
assert LLAMA is not None
JOB = TrainingJob(LLAMA, micro_batch_size=4, sequence_length=512)
FILE = (
    "# vramlint: gpu=RTX-4090\nbase_model: meta-llama/Llama-3.1-8B\nsequence_len: 4096\nmicro_batch_size: 2\n"
    "adapter: lora\nlora_r: 16\nlora_target_linear: true\n"
)


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[TrainingJob]:
    """The jobs that are estimated from here on."""
    jobs: list[TrainingJob] = []

    def counted(job: TrainingJob, tensors: int = 0) -> Estimate:
        jobs.append(job)
        return estimate_job(job, tensors)

    monkeypatch.setattr(remembered, "estimate_job", counted)
    remembered.forget()
    return jobs


def test_an_equal_job_is_estimated_once(made: list[TrainingJob]) -> None:
    first = remembered_estimate(JOB)
    assert remembered_estimate(replace(JOB)) is first
    assert first.device_bytes == estimate_job(JOB).device_bytes
    assert len(made) == 1


@pytest.mark.parametrize(
    "change",
    [{"micro_batch_size": 3}, {"packing": True}, {"origins": {"method": FrameworkDefault("x", "1", "y")}}],
    ids=lambda change: next(iter(change)),
)
def test_another_job_is_estimated_anew(change: dict[str, object], made: list[TrainingJob]) -> None:
    remembered_estimate(JOB)
    remembered_estimate(replace(JOB, **change))
    assert len(made) == 2


def test_the_files_of_a_sweep_are_one_run(made: list[TrainingJob]) -> None:
    found = [
        analyse(
            Document.parse(f"{FILE}learning_rate: {rate}\noutput_dir: ./{rate}\n", f"/nowhere/{rate}.yaml"),
            Workspace(Path("/nowhere")),
            Overrides(),
        )
        for rate in ("1e-4", "2e-4", "3e-4")
    ]
    assert len({each.estimate.device_bytes for each in found if each.estimate}) == 1
    assert all(each.estimate for each in found)
    assert len(made) == 1
