"""Jobs share a walk where it makes no difference, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vramlint.advice.changes import apply
from vramlint.advice.remedies import moves
from vramlint.catalog.gpus import find_gpu
from vramlint.catalog.models import Models
from vramlint.job import Evaluation, Parallel, TrainingJob
from vramlint.memory import estimate_job, shared_walk

LLAMA = Models().model("meta-llama/Llama-3.2-1B")
assert LLAMA is not None
ALONE = TrainingJob(LLAMA, micro_batch_size=4, evaluation=Evaluation(), gpu=find_gpu("RTX-4090"))
SPREAD = replace(ALONE, parallel=Parallel("zero3", data=8), gpu_count=8)


@pytest.fixture(autouse=True)
def walks(monkeypatch: pytest.MonkeyPatch) -> list[TrainingJob]:
    """The jobs that are walked from here on."""
    made: list[TrainingJob] = []
    walk = shared_walk.walk

    def counted(job, network, plan):  # type: ignore[no-untyped-def]
        made.append(job)
        return walk(job, network, plan)

    monkeypatch.setattr(shared_walk, "walk", counted)
    shared_walk.forget()
    return made


@pytest.mark.parametrize("job", [ALONE, SPREAD])
def test_a_shared_walk_changes_no_estimate(job: TrainingJob) -> None:
    changed = [apply(job, move.changes) for move in moves(job)]
    assert len(changed) > 10
    alone = []
    for each in changed:
        shared_walk.forget()
        alone.append(estimate_job(each))
    together = [estimate_job(each) for each in (*changed, *reversed(changed))]
    assert together == [*alone, *reversed(alone)]
    for one, other in zip(together, alone, strict=False):
        assert one.process_bytes == other.process_bytes


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": "adamw_8bit"},
        {"activation_offload": True},
        {"allocator": "expandable_segments:True"},
        {"evaluation.batch": 1},
        {"saving": "sharded"},
    ],
)
def test_what_the_walk_does_not_see_is_walked_once(
    walks: list[TrainingJob], change: dict[str, object]
) -> None:
    before, after = estimate_job(ALONE), estimate_job(apply(ALONE, change))
    assert len(walks) == 1
    assert after.parameters == before.parameters


@pytest.mark.parametrize(
    "change",
    [
        {"micro_batch_size": 2},
        {"gradient_checkpointing": "full"},
        {"attention": "eager"},
        {"method": "lora"},
        {"parallel.data": 4},
        {"optimizer": "adamw_torch", "optimizer_in_backward": True},
    ],
)
def test_what_the_walk_sees_is_walked_again(walks: list[TrainingJob], change: dict[str, object]) -> None:
    estimate_job(ALONE)
    estimate_job(apply(ALONE, change))
    assert len(walks) == 2


def test_only_the_last_walks_are_kept(walks: list[TrainingJob]) -> None:
    for length in range(1, shared_walk.KEPT + 2):
        estimate_job(replace(ALONE, sequence_length=128 * length))
    assert len(walks) == shared_walk.KEPT + 1
    estimate_job(replace(ALONE, sequence_length=128))
    assert len(walks) == shared_walk.KEPT + 2
