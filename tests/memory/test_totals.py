"""The four totals, each with one meaning: allocated, reserved, process, device."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import estimate_of

from vramlint.catalog.facts import MIB

TRL = """model_name_or_path: Qwen/Qwen2.5-0.5B
dataset_name: trl-lib/Capybara
use_peft: true
per_device_train_batch_size: 1
"""


def on(folder: Path, directive: str) -> str:
    """The config with a directive."""
    return f"# vramlint: {directive}\n{TRL}"


@pytest.mark.parametrize(
    ("gpu", "workspace"),
    [("A100-80GB", 8.125), ("RTX-4090", 8.125), ("H100", 32), ("B200", 32), ("RTX-5090", 32)],
)
def test_cublas_workspaces_are_allocated_bytes(tmp_path: Path, gpu: str, workspace: float) -> None:
    """CublasHandlePool.cpp: one for each of two threads, larger from Hopper on."""
    bare, known = estimate_of(tmp_path, TRL), estimate_of(tmp_path, on(tmp_path, f"gpu={gpu}"))
    assert known.peak_allocated_bytes - bare.peak_allocated_bytes == int(2 * workspace * MIB)


def test_blackwell_had_a_small_workspace_at_first(tmp_path: Path) -> None:
    bare = estimate_of(tmp_path, on(tmp_path, "versions=torch@2.8"))
    early = estimate_of(tmp_path, on(tmp_path, "gpu=B200 versions=torch@2.8"))
    assert early.peak_allocated_bytes - bare.peak_allocated_bytes == int(2 * 8.125 * MIB)


def test_a_context_held_every_kernel_before_torch_2(tmp_path: Path) -> None:
    """A V100 with CUDA 11.2: 1343 MiB before the first tensor (transformers 4.27, perf_train_gpu_one.mdx)."""
    now = estimate_of(tmp_path, on(tmp_path, "gpu=V100-16GB versions=torch@2.4"))
    then = estimate_of(tmp_path, on(tmp_path, "gpu=V100-16GB versions=torch@1.11"))
    assert then.process_bytes - then.peak_reserved_bytes == 1343 * MIB
    assert now.process_bytes - now.peak_reserved_bytes == 350 * MIB


@pytest.mark.parametrize("gpu", ["", "gpu=A100-80GB", "gpu=H100x8"])
def test_each_total_holds_the_ones_inside_it(tmp_path: Path, gpu: str) -> None:
    estimate = estimate_of(tmp_path, on(tmp_path, gpu) if gpu else TRL)
    assert estimate.peak_allocated_bytes <= estimate.peak_reserved_bytes < estimate.process_bytes
    assert estimate.peak_allocated_bytes < estimate.device_bytes
    assert sum(estimate.components.values()) == estimate.device_bytes
