"""Optimizer states of a ZeRO-1 run: more ranks never keep more each."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import estimate_of

AXOLOTL = """# vramlint: gpu=A100-80GB x{ranks}
base_model: Qwen/Qwen2.5-0.5B
datasets: [{{path: own, type: alpaca}}]
sequence_len: 512
micro_batch_size: 1
gradient_accumulation_steps: 1
gradient_checkpointing: true
optimizer: {optimizer}
bf16: true
deepspeed: ds.json
"""
ZERO1 = '{"zero_optimization": {"stage": 1}, "bf16": {"enabled": true}}'
PARAMETERS = 494_032_768


@pytest.mark.parametrize(("optimizer", "width"), [("adamw_bnb_8bit", 4 + 2 + 2 * 4 / 256), ("adafactor", 8)])
def test_a_partition_is_one_long_vector(tmp_path: Path, optimizer: str, width: float) -> None:
    """float32 masters, and of each element two bytes with a scale a block of 256, or Adafactor's whole
    vector: tensors of under 4,096 elements and rows and columns are those of the partition, not of the model
    (deepspeed 0.19.2, stage_1_and_2.py, single_partition_of_fp32_groups; bitsandbytes, min_8bit_size).
    """
    held = [
        estimate_of(
            tmp_path, AXOLOTL.format(ranks=ranks, optimizer=optimizer), ds__json=ZERO1
        ).component_sizes["optimizer_states"]
        for ranks in (1, 2, 8, 64, 512, 4096)
    ]
    assert held == sorted(held, reverse=True)
    for ranks, size in zip((1, 2, 8, 64), held, strict=False):
        assert size == pytest.approx(width * PARAMETERS / ranks, rel=0.02)
