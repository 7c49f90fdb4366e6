"""When ZeRO stage 3 fetches weights, beside what DeepSpeed's own engine held
(benchmarks/deepspeed_engines.py), and what the allocator's pools make of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from configs import estimate_of
from witnesses import deepspeed_job as job_of
from witnesses import rows_of

from vramlint.catalog.facts import GIB, MIB
from vramlint.job import Buckets, Parallel, Precision
from vramlint.memory import estimate_job
from vramlint.memory.replay import fetching
from vramlint.memory.replay.caching_allocator import replayed_with
from vramlint.memory.replay.events import STREAM, WAITS, Event, OutOfMemory, on_stream
from vramlint.memory.replay.reserved import Replay
from vramlint.memory.replay.settings import Settings
from vramlint.memory.replay.standard import replayed
from vramlint.memory.sharding import plan_of
from vramlint.memory.tensors import Parameter

ROWS = rows_of("deepspeed")
FETCHED = [row for row in ROWS if row.get("zero", {}).get("stage3_prefetch_bucket_size")]
PLAIN = next(row for row in ROWS if row.get("zero", {}).get("stage3_max_reuse_distance") == 0)


def most(events: list[Event]) -> int:
    """The most bytes alive."""
    sizes: dict[int, int] = {}
    alive = highest = 0
    for number, size in events:
        alive += abs(size) if size else -sizes.pop(number)
        if size:
            sizes[number] = abs(size)
        highest = max(highest, alive)
    assert not sizes
    return highest


def fetched(row: dict[str, Any], traced: bool = True) -> list[Event]:
    """The events of one micro batch."""
    estimate = estimate_job(job_of(row))
    assert estimate.replay is not None
    replay = estimate.replay()
    assert isinstance(replay, Replay)
    run = replay.run
    made = fetching.fetches(run.plan, [run.profile.weights[index] for index in run.order], traced)
    events = [event for each in made.events.values() for event in each]
    assert {number for number, _ in events} == set(range(made.numbers))
    return events


@pytest.mark.parametrize("row", FETCHED, ids=lambda row: row["zero"]["stage3_max_reuse_distance"])
def test_what_is_fetched_ahead_is_what_the_engine_held(row: dict[str, Any]) -> None:
    parameters = estimate_job(job_of(row)).parameters
    counted = row["bytes_per_parameter"]["forward"] - PLAIN["bytes_per_parameter"]["forward"]
    more = most(fetched(row)) - most(fetched(PLAIN))
    assert more / parameters == pytest.approx(counted, rel=0.05)


def test_nothing_is_fetched_ahead_before_a_step_was_traced() -> None:
    assert most(fetched(FETCHED[0], traced=False)) < most(fetched(FETCHED[0])) / 2


STREAMED = """# vramlint: gpu={gpu} x8 versions=torch@{torch}
model_name_or_path: meta-llama/Meta-Llama-3-8B
stage: sft
do_train: true
finetuning_type: full
deepspeed: ds.json
dataset: d
template: llama3
cutoff_len: 1024
packing: true
per_device_train_batch_size: {rows}
fp16: true
output_dir: out
"""
FROM_HOST = """{"train_micro_batch_size_per_gpu": "auto", "fp16": {"enabled": "auto"}, "zero_optimization":
 {"stage": 3, "overlap_comm": true, "offload_param": {"device": "cpu"},
 "offload_optimizer": {"device": "cpu"}}}"""


def taken_from_host(folder: Any, gpu: str, torch: str, rows: int = 1) -> int:
    folder.mkdir()
    (folder / "ds.json").write_text(FROM_HOST)
    return estimate_of(folder, STREAMED.format(gpu=gpu, torch=torch, rows=rows)).peak_reserved_bytes


def test_a_gather_over_pcie_holds_what_was_let_go_since(tmp_path: Any) -> None:
    """Up to torch 2.7, NCCL's stream is among those that a block waits for (ProcessGroupNCCL.cpp,
    recordStream): everything that was asked for ahead must have come. A Hopper's links are faster than the
    products of 16,384 tokens.
    """
    before, since = (taken_from_host(tmp_path / torch, "RTX-3090", torch) for torch in ("2.7", "2.8"))
    assert before - since > GIB
    quick = [taken_from_host(tmp_path / f"h{torch}", "H100-80GB", torch, 16) for torch in ("2.7", "2.8")]
    assert quick[0] == quick[1]


def test_the_allocator_waits_before_it_fails(tmp_path: Any) -> None:
    """synchronize_and_free_events: what was let go is there under pressure."""
    (tmp_path / "ds.json").write_text(FROM_HOST)
    estimate = estimate_of(tmp_path, STREAMED.format(gpu="RTX-3090", torch="2.7", rows=1))
    assert estimate.replay is not None
    replay = estimate.replay()
    assert isinstance(replay, Replay)
    at_once = [(number, 0 if size == WAITS else size) for number, size in replay.events()]
    free = replayed(at_once).reserved
    assert free < replay.with_room() - GIB
    assert replay.lives(free)


def test_a_share_from_the_host_is_on_the_gpu_until_the_weight_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "IN_FLIGHT", 0)
    job = job_of(FETCHED[0])
    sizes = []
    for offload in ("none", "both"):
        parallel = replace(job.parallel, offload=offload)  # type: ignore[arg-type]
        estimate = estimate_job(replace(job, parallel=parallel))
        assert estimate.replay is not None
        replay = estimate.replay()
        assert isinstance(replay, Replay)
        run = replay.run
        made = fetching.fetches(run.plan, [run.profile.weights[index] for index in run.order], traced=True)
        sizes.append(sum(abs(size) for each in made.events.values() for _, size in each))
    shared = 1 + 1 / job.parallel.data
    assert sizes[0] < sizes[1] <= shared * sizes[0] * 1.01


def test_only_weights_on_a_stream_of_their_own_wait_for_what_uses_them() -> None:
    """Once for each that is let go, not for the buffers that several arrive in (free_param)."""
    row = FETCHED[0]
    assert not any(size == WAITS for _, size in fetched(row))
    events = fetched({**row, "overlap": True})
    waiting = [number for number, size in events if size == WAITS]
    made = [number for number, size in events if size not in (0, WAITS)]
    assert 0 < len(waiting) == len(set(waiting)) < len(made)
    assert sorted(number for number, size in events if not size) == sorted(made)


def test_what_waits_for_a_stream_does_not_count_where_memory_runs_out() -> None:
    """Less than what is taken with room is enough, down to where the replay that knows what waits ends."""
    estimate = estimate_job(job_of({**FETCHED[0], "overlap": True}))
    assert estimate.replay is not None
    replay = estimate.replay()
    assert isinstance(replay, Replay)
    room = replay.equal()
    assert replay.lives(room)
    for capacity in range(room - 8 * MIB, room // 2, -8 * MIB):
        try:
            taken = replayed_with(Settings(), replay.events(True), capacity)
        except OutOfMemory:
            assert not replay.lives(capacity)
            break
        assert taken.reserved <= capacity
        assert replay.lives(capacity)
    else:
        raise AssertionError("it never runs out")


def test_a_block_of_one_stream_serves_no_other() -> None:
    size = 30 * MIB
    for stream in (1, 2):
        events = [(1, size), (1, 0), (2, on_stream(stream, size)), (2, 0)]
        assert replayed(events).reserved == 2 * size
    assert replayed([(1, on_stream(1, size)), (1, 0), (2, on_stream(2, size))]).reserved == 2 * size


RECIPE = """# vramlint: gpu=H100-80GB x8
model_name_or_path: meta-llama/Llama-3.1-8B
stage: sft
do_train: true
finetuning_type: full
deepspeed: ds.json
dataset: d
template: llama3
cutoff_len: 4096
packing: true
per_device_train_batch_size: 1
bf16: true
enable_liger_kernel: true
output_dir: out
"""
ENGINE = """{"bf16": {"enabled": "auto"}, "train_micro_batch_size_per_gpu": "auto",
 "zero_optimization": {"stage": 3, "overlap_comm": OVERLAP, "stage3_max_live_parameters": 1e9}}"""


def test_streams_of_their_own_take_memory_that_no_activation_can_use(tmp_path: Any) -> None:
    """`overlap_comm` gathers weights and reduces gradients on further streams (stage3.py,
    reduce_and_partition_stream; parameter_offload.py, __allgather_stream).
    """
    taken = {}
    for overlap in ("true", "false"):
        folder = tmp_path / overlap
        folder.mkdir()
        (folder / "ds.json").write_text(ENGINE.replace("OVERLAP", overlap))
        taken[overlap] = estimate_of(folder, RECIPE).peak_reserved_bytes
    assert taken["true"] - taken["false"] > 0.5 * GIB


def test_one_gpu_gathers_nothing_that_is_there() -> None:
    """NoGatherCoalescedHandle leaves the partition, which is the whole weight, where it is."""
    job = job_of(PLAIN)

    def forward(persistence: float) -> int:
        parallel = replace(job.parallel, data=1, buckets=Buckets(reduce=1e6, persistence=persistence))
        return estimate_job(replace(job, parallel=parallel)).phase_peaks["forward"]

    assert forward(0) == forward(1e12)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_reductions_that_overlap_take_blocks_of_their_own(stage: int) -> None:
    """All stages reduce on a stream made for it (average_tensor; reduce_and_partition_stream)."""
    for overlaps in (False, True):
        job = job_of({"stage": stage, "overlap": overlaps})
        trained = [(Parameter("w", (5_000_000,), "bfloat16", True), 1)]
        assert bool(plan_of(job).reduced_apart(trained)) is overlaps


@pytest.mark.parametrize(("strategy", "streams"), [("fsdp1", {1, 2}), ("fsdp2", {1, 2}), ("ddp", set())])
def test_fsdp_gathers_and_reduces_on_streams_of_its_own(strategy: str, streams: set[int]) -> None:
    """FSDP2 copies weights out on the stream of computation (foreach_all_gather_copy_out), so that only the
    buffers that they arrive in are elsewhere.
    """
    job = job_of(PLAIN)
    half = Parallel(strategy, data=8, param_dtype="bfloat16", reduce_dtype="float32")  # type: ignore[arg-type]
    estimate = estimate_job(replace(job, precision=Precision("float32"), parallel=half))
    assert estimate.replay is not None
    replay = estimate.replay()
    assert isinstance(replay, Replay)
    events = [size for _, size in replay.events()]
    assert {1 if size > -STREAM else 2 for size in events if size < 0} == streams
    layer = (4 * 256**2 + 3 * 256 * 1024 + 2 * 256) * 2
    # Of six layers in two steps: FSDP2's copies in forward and backward, FSDP1's flat gradients.
    expected = {"fsdp1": 2 * 6, "fsdp2": 2 * 2 * 6}
    assert sum(size == layer for size in events) == expected.get(strategy, 0)


@pytest.mark.parametrize(("param_dtype", "offload"), [("bfloat16", "none"), ("none", "both")])
def test_fsdp2_casts_a_share_before_it_is_gathered(param_dtype: str, offload: str) -> None:
    """Beside the buffer of the unit before and its own, on the stream that copies in."""
    job = job_of(PLAIN)
    taken = {}
    for dtype, where in (("none", "none"), (param_dtype, offload)):
        parallel = Parallel("fsdp2", data=2, param_dtype=dtype, offload=where)  # type: ignore[arg-type]
        estimate = estimate_job(replace(job, precision=Precision("bfloat16"), parallel=parallel))
        assert estimate.replay is not None
        replay = estimate.replay()
        assert isinstance(replay, Replay)
        gathered = [(number, size) for number, size in replay.events() if -STREAM < size <= 0]
        numbers = {number for number, size in gathered if size}
        taken[where, dtype] = most([event for event in gathered if event[0] in numbers])
    layer = (4 * 256**2 + 3 * 256 * 1024 + 2 * 256) * 2
    assert taken[offload, param_dtype] - taken["none", "none"] == pytest.approx(layer / 2, rel=0.01)
