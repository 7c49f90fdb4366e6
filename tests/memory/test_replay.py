"""Reserved bytes by replay: measured runs, and what must hold for every run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from configs import estimate_of

from vramlint.catalog.facts import GIB
from vramlint.memory.estimate import Estimate
from vramlint.memory.replay.reserved import Replay
from vramlint.memory.replay.standard import replayed

DATA = Path(__file__).parent.parent / "data" / "measured.jsonl"
TRL = """# vramlint: gpu=A100-80GB
model_name_or_path: Qwen/Qwen2.5-1.5B
dataset_name: trl-lib/Capybara
max_length: 2048
per_device_train_batch_size: 2
gradient_checkpointing: {checkpointing}
packing: {packing}
bf16: true
loss_type: nll
"""
QLORA = "use_peft: true\nload_in_4bit: true\nlora_target_modules: all-linear\n"


def trl(packing: bool = True, checkpointing: bool = True, more: str = "") -> str:
    return TRL.format(packing=str(packing).lower(), checkpointing=str(checkpointing).lower()) + more


def allocated_by_replay(estimate: Estimate) -> int:
    assert estimate.replay is not None
    replay = estimate.replay()
    assert isinstance(replay, Replay)
    return replayed(replay.events()).allocated


@pytest.mark.parametrize(
    "more", ["", QLORA, "use_peft: true\n", "gradient_accumulation_steps: 4\n", "optim: adamw_torch\n"]
)
@pytest.mark.parametrize("checkpointing", [True, False])
def test_the_replay_allocates_what_the_estimate_counts(
    tmp_path: Path, checkpointing: bool, more: str
) -> None:
    """Two ways to the same peak: layers multiplied, and every storage of every layer. The allocator counts
    whole blocks, up to a mebibyte more than what was asked for.
    """
    estimate = estimate_of(tmp_path, trl(True, checkpointing, more))
    assert allocated_by_replay(estimate) == pytest.approx(estimate.peak_allocated_bytes, rel=0.012)


FSDP = "fsdp: full_shard auto_wrap\nfsdp_config: {transformer_layer_cls_to_wrap: Qwen2DecoderLayer}\n"


@pytest.mark.parametrize("more", ["", "use_peft: true\n"])
@pytest.mark.parametrize("batches", [1, 4])
def test_shards_that_add_up_on_another_stream_are_counted_once(
    tmp_path: Path, more: str, batches: int
) -> None:
    """What FSDP reduces to lies on a stream of its own, what it reduces from on that of computation."""
    text = trl(True, True, FSDP + f"gradient_accumulation_steps: {batches}\n" + more)
    estimate = estimate_of(tmp_path, text.replace("gpu=A100-80GB", "gpu=A100-80GB x8"))
    assert allocated_by_replay(estimate) == pytest.approx(estimate.peak_allocated_bytes, rel=0.1)


def test_equal_lengths_give_a_number_and_varying_ones_a_range(tmp_path: Path) -> None:
    packed, padded = estimate_of(tmp_path, trl(packing=True)), estimate_of(tmp_path, trl(packing=False))
    low, high = packed.reserved_range
    assert low == high == packed.peak_reserved_bytes
    low, high = padded.reserved_range
    assert low < high == padded.peak_reserved_bytes
    assert low == pytest.approx(packed.peak_reserved_bytes, rel=0.02)


def test_no_more_is_taken_than_the_gpu_has(tmp_path: Path) -> None:
    large = trl(packing=False, checkpointing=False).replace("train_batch_size: 2", "train_batch_size: 8")
    room = estimate_of(tmp_path, large.replace("gpu=A100-80GB", "gpu=H200"))
    short = estimate_of(tmp_path, large)
    assert short.process_bytes <= 79.2 * GIB < room.process_bytes


RESERVED = [
    case
    for case in map(json.loads, DATA.read_text(encoding="utf-8").splitlines())
    if case["data"] == "published" and case["totals"] == ["peak_reserved_bytes"]
]


def test_measured_reserved_bytes(tmp_path: Path) -> None:
    """Of others' runs on one and several GPUs, with equal lengths and varying ones."""
    errors = {}
    for case in RESERVED:
        folder = tmp_path / case["id"]
        folder.mkdir()
        estimate = estimate_of(folder, next(iter(case["files"].values())))
        errors[case["id"]] = abs(estimate.peak_reserved_bytes / case["bytes"] - 1)
    assert len(errors) >= 4
    assert sorted(errors.values())[1] <= 0.1, errors
    assert max(errors.values()) <= 0.28, errors


def test_a_process_never_shows_more_than_the_gpu_has(tmp_path: Path) -> None:
    estimate = estimate_of(tmp_path, trl(checkpointing=False).replace("batch_size: 2", "batch_size: 64"))
    assert estimate.capacity_bytes is not None
    assert estimate.device_bytes > estimate.process_bytes == estimate.capacity_bytes + estimate.outside_bytes


def test_lengths_that_vary_take_no_less_than_equal_ones(tmp_path: Path) -> None:
    replay = estimate_of(tmp_path, trl(packing=False)).replay
    assert replay is not None
    assert replay().with_room() >= replay().equal()
