"""The memory model beside bytes that were counted on DeepSpeed's own engine
(benchmarks/deepspeed_engines.py), and runs under its config files.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import witnesses
from configs import estimate_of, moment
from witnesses import deepspeed_job, rows_of

from vramlint.memory import estimate_job
from vramlint.memory.estimate import Estimate
from vramlint.memory.overhead import COMMUNICATOR
from vramlint.memory.sharding import plan_of
from vramlint.memory.tensors import Parameter

ROWS = rows_of("deepspeed")


def label(row: dict[str, Any]) -> str:
    """What distinguishes a row."""
    return witnesses.label(row, "bytes_per_parameter")


@pytest.mark.parametrize("row", ROWS, ids=label)
@pytest.mark.parametrize("phase", ["forward", "backward"])
def test_a_step_of_the_real_engine(row: dict[str, Any], phase: str) -> None:
    """To one and a half gradients of the embedding: in so small a model single tensors weigh much, and a
    bucket is counted as full."""
    estimate = estimate_job(deepspeed_job(row))
    embedding = 4096 * 256 * 2 / estimate.parameters
    counted = estimate.phase_peaks[phase] / estimate.parameters
    assert counted == pytest.approx(row["bytes_per_parameter"][phase], abs=1.5 * embedding)
    assert counted >= row["bytes_per_parameter"][phase] * 0.99


RECIPE = """# vramlint: gpu=H100-80GB x8
model_name_or_path: meta-llama/Llama-3.1-8B
stage: sft
do_train: true
finetuning_type: full
deepspeed: ds.json
dataset: d
template: llama3
cutoff_len: 512
output_dir: o
per_device_train_batch_size: 1
gradient_accumulation_steps: 1
bf16: true
"""
PARAMETERS = 8_030_261_248


def under(folder: Path, text: str = RECIPE, data_types: object = None, **zero: object) -> Estimate:
    """A LLaMA-Factory recipe under a DeepSpeed file."""
    engine = {"bf16": {"enabled": "auto"}, "zero_optimization": zero}
    if data_types is not None:
        engine["data_types"] = data_types
    return estimate_of(folder, text, ds__json=json.dumps(engine))


def test_stage_1_with_overlapping_reduction_keeps_its_partition_of_the_gradients(tmp_path: Path) -> None:
    overlapping = under(tmp_path, stage=1, overlap_comm=True)
    assert overlapping.component_sizes["gradients"] == pytest.approx(2 * PARAMETERS / 8, rel=0.01)
    after = RECIPE.replace("accumulation_steps: 1", "accumulation_steps: 4")
    for estimate in (under(tmp_path, stage=1), under(tmp_path, after, stage=1, overlap_comm=True)):
        assert estimate.component_sizes["gradients"] == pytest.approx(2 * PARAMETERS, rel=0.01)


def test_the_bucket_is_whole_whatever_is_trained(tmp_path: Path) -> None:
    """stage_1_and_2.py, setup_buckets: torch.empty(reduce_bucket_size)."""
    lora = RECIPE.replace("full", "lora")
    small = under(tmp_path, lora, stage=2, overlap_comm=True, reduce_bucket_size=1e6)
    large = under(tmp_path, lora, stage=2, overlap_comm=True, reduce_bucket_size=5e8)
    rise = large.phase_peaks["backward"] - small.phase_peaks["backward"]
    assert rise == pytest.approx(2 * 2 * (5e8 - 1e6), rel=0.03)


def test_the_bucket_is_gone_when_the_optimizer_steps(tmp_path: Path) -> None:
    small, large = (under(tmp_path, stage=2, reduce_bucket_size=size) for size in (1e6, 5e8))
    assert large.phase_peaks["optimizer"] == small.phase_peaks["optimizer"]


def test_stage_3_keeps_its_bucket(tmp_path: Path) -> None:
    small, large = (under(tmp_path, stage=3, reduce_bucket_size=size) for size in (1e6, 5e8))
    assert large.phase_peaks["optimizer"] - small.phase_peaks["optimizer"] == pytest.approx(998e6, rel=0.01)


def test_an_offloaded_optimizer_has_a_buffer_for_the_largest_gradient(tmp_path: Path) -> None:
    """temp_grad_buffer_for_gpu_offload: here that of the embedding, 128,256 × 4,096 elements."""
    on_gpu = under(tmp_path, stage=2, reduce_bucket_size=1e6)
    offloaded = under(tmp_path, stage=2, reduce_bucket_size=1e6, offload_optimizer={"device": "cpu"})
    kept = moment(on_gpu, "forward").components["activations"]
    more = moment(offloaded, "forward").components["activations"] - kept
    assert more == pytest.approx(128256 * 4096 * 2, rel=0.01)


TABLE = 128256 * 4096


@pytest.mark.parametrize(
    ("stage", "release", "size"),
    [(3, "0.19.8", (2 + 8) / 8), (2, "0.19.8", 8), (2, "0.16.7", 11), (2, "0.13.2", 8), (1, "0.19.8", 8)],
)
def test_a_gradient_on_its_way_to_the_host(stage: int, release: str, size: float) -> None:
    """Stage 3 takes the norm of this rank's share in float64 beside the share itself (partition_grads), the
    others that of what lies in their partition; some check each of its elements in float32, with masks
    (copy_grads_in_partition, _has_inf_or_nan).
    """
    for offload in ("none", "optimizer"):
        job = deepspeed_job({"stage": stage})
        parallel = replace(job.parallel, data=8, offload=offload)  # type: ignore[arg-type]
        plan = plan_of(replace(job, parallel=parallel, versions={"deepspeed": release}))
        trained = [(Parameter("table", (128256, 4096), "bfloat16", True), 1)] * 16
        assert plan.to_host(trained) == (int(size * TABLE) if offload == "optimizer" else 0)


def test_no_gradient_leaves_before_the_head_is_through(tmp_path: Path) -> None:
    """The logits' gradients are gone by then. With few tokens the embedding's way decides, with many they."""
    more = {}
    for tokens in (128, 8192):
        recipe = RECIPE.replace("cutoff_len: 512", f"cutoff_len: {tokens}")
        on_gpu = under(tmp_path, recipe, stage=2, reduce_bucket_size=1e6)
        host = under(tmp_path, recipe, stage=2, reduce_bucket_size=1e6, offload_optimizer={"device": "cpu"})
        kept = moment(on_gpu, "backward").components["activations"]
        more[tokens] = moment(host, "backward").components["activations"] - kept - 2 * TABLE
    assert more[128] > 6 * TABLE
    assert more[8192] < TABLE


def test_deepspeed_reduces_in_a_group_of_its_own(tmp_path: Path) -> None:
    """_clone_world_group: a second communicator, wherever there is somebody to talk to."""
    several = under(tmp_path, stage=3).outside_bytes
    alone = under(tmp_path, RECIPE.replace("x8", ""), stage=3).outside_bytes
    assert several - alone == 2 * COMMUNICATOR


def test_float32_accumulation_in_stage_1_keeps_two_gradients(tmp_path: Path) -> None:
    """BF16_Optimizer: 4 bytes beside the 2 of backward; DeepSpeed never chooses it for stage 2."""
    single = {"grad_accum_dtype": "fp32"}
    both = under(tmp_path, stage=1, data_types=single)
    assert both.component_sizes["gradients"] == pytest.approx(6 * PARAMETERS, rel=0.01)
    partition = under(tmp_path, stage=2, data_types=single)
    assert partition.component_sizes["gradients"] == pytest.approx(2 * PARAMETERS / 8, rel=0.01)


def test_stage_3_steps_over_one_sub_group_at_a_time(tmp_path: Path) -> None:
    """Float32 gradient and two sets of foreach's temporaries exist for a sub group, at the master's width."""
    text = RECIPE + "optim: adamw_torch\n"
    whole = under(tmp_path, text, stage=3, sub_group_size=1e12)
    parts = under(tmp_path, text, stage=3, sub_group_size=1e8)
    saved = whole.phase_peaks["optimizer"] - parts.phase_peaks["optimizer"]
    assert saved == pytest.approx(8 * (PARAMETERS / 8 - 1e8), rel=0.1)


def test_stage_3_keeps_what_is_needed_again_soon(tmp_path: Path) -> None:
    """Of an 8 B model's layers the last 218 M elements each, passed three times, after the head twice."""
    sizes = {
        reuse: moment(
            under(tmp_path, stage=3, stage3_max_reuse_distance=reuse, stage3_prefetch_bucket_size=0), "loss"
        ).components["activations"]
        for reuse in (0, 2e9, 1e12)
    }
    layer = 218_103_808
    assert sizes[2e9] - sizes[0] == pytest.approx(2 * 2 * layer, rel=0.02)
    assert sizes[1e12] - sizes[0] == pytest.approx(2 * (PARAMETERS - 128256 * 4096), rel=0.02)


@pytest.mark.parametrize("prefetch", [5e7, "auto"])
def test_stage_3_fetches_ahead_until_enough_is_there(tmp_path: Path, prefetch: object) -> None:
    """However little each of a layer's modules fetches, there are more of them than weights."""
    sizes = {
        live: moment(
            under(tmp_path, stage=3, stage3_max_live_parameters=live, stage3_prefetch_bucket_size=prefetch),
            "loss",
        ).components["activations"]
        for live in (0, 5e8, 1e9)
    }
    assert sizes[1e9] - sizes[5e8] == pytest.approx(2 * 5e8, rel=0.03)
    none = under(tmp_path, stage=3, stage3_max_live_parameters=1e9, stage3_prefetch_bucket_size=0)
    assert moment(none, "loss").components["activations"] == pytest.approx(sizes[0], rel=0.01)


def test_a_bucket_of_gradients_is_copied_to_be_reduced(tmp_path: Path) -> None:
    """Beside the bucket itself, in backward."""
    for fetched in ("auto", 5e7):
        small, large = (
            under(tmp_path, stage=3, reduce_bucket_size=size, stage3_prefetch_bucket_size=fetched)
            for size in (1e6, 5e8)
        )
        rise = large.phase_peaks["backward"] - small.phase_peaks["backward"]
        assert rise == pytest.approx(2 * 2 * (5e8 - 1e6), rel=0.1)


@pytest.mark.parametrize("stage", [1, 2])
def test_gathering_weights_after_the_step_costs_nothing(tmp_path: Path, stage: int) -> None:
    """`allgather_bucket_size` cuts a collective in place (stage_1_and_2.py, all_gather_dp_groups)."""
    peaks = set()
    for size in (200_000_000, 2_000_000_000):
        folder = tmp_path / str(size)
        folder.mkdir()
        peaks.add(under(folder, stage=stage, allgather_bucket_size=size).peak_allocated_bytes)
    assert len(peaks) == 1
