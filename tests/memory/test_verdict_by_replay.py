"""Verdicts that what is allocated leaves open: the caching allocator is replayed on the GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import analysis_of, estimate_of

from vramlint.advice.advise import suggest
from vramlint.memory import Estimate, estimate_job
from vramlint.memory.estimate import Verdict

TRL = """# vramlint: gpu={gpu}
model_name_or_path: {model}
dataset_name: trl-lib/Capybara
max_length: 2048
per_device_train_batch_size: {batch}
gradient_checkpointing: true
bf16: true
loss_type: nll
"""
QLORA = "use_peft: true\nload_in_4bit: true\nlora_target_modules: all-linear\n"
LLAMA = TRL.replace("{gpu}", "A100-40GB").replace("{model}", "meta-llama/Llama-3.2-1B")
QWEN = TRL.replace("{gpu}", "RTX-4090").replace("{model}", "Qwen/Qwen2.5-1.5B") + QLORA


def usable(estimate: Estimate) -> int:
    assert estimate.capacity_bytes is not None
    return estimate.capacity_bytes + estimate.outside_bytes


@pytest.mark.parametrize(
    ("config", "batch", "counted", "replayed"),
    [
        (LLAMA, 36, "fits", "tight"),
        (LLAMA, 38, "tight", "does_not_fit"),
        (QWEN, 22, "tight", "fits"),
    ],
)
def test_fragmentation_decides(
    tmp_path: Path, config: str, batch: int, counted: Verdict, replayed: Verdict
) -> None:
    estimate = estimate_of(tmp_path, config.replace("{batch}", str(batch)))
    capacity = usable(estimate)
    assert estimate.peak_allocated_bytes + estimate.outside_bytes < capacity
    assert estimate.rough.verdict(capacity) == counted
    assert estimate.verdict(capacity) == replayed
    assert sum(estimate.components.values()) == estimate.device_bytes
    assert max(moment.device_bytes for moment in estimate.moments) == estimate.device_bytes
    again = estimate_of(tmp_path, config.replace("{batch}", str(batch)))
    assert again.fits(capacity) == (replayed == "fits")
    assert not again.fits(capacity // 2)
    assert again.fits(2 * capacity)


@pytest.mark.parametrize("batch", [4, 64])
def test_no_replay_where_the_count_decides(tmp_path: Path, batch: int) -> None:
    """Far from the limit on either side the answer is there at once."""
    estimate = estimate_of(tmp_path, LLAMA.replace("{batch}", str(batch)))
    assert estimate.replay is not None
    estimate.verdict(usable(estimate))
    assert estimate.replay._made is None  # type: ignore[attr-defined]


def test_the_search_for_advice_replays_nothing(tmp_path: Path) -> None:
    """It looks at dozens of candidates, many as near to the limit as the run itself."""
    analysis = analysis_of(tmp_path, LLAMA.replace("{batch}", "38"))
    job, capacity = analysis.job, analysis.capacity
    assert job is not None
    assert capacity is not None
    before = estimate_job(job)
    found = [advice.estimate for advice in suggest(job, capacity)]
    assert found
    for estimate in (before, *found):
        assert estimate.replay is not None
        assert estimate.replay._made is None  # type: ignore[attr-defined]
