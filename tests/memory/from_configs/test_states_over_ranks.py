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


TORCHTUNE = """# vramlint: gpu=A100-80GB x{ranks}
recipe: lora_finetune_distributed
model:
  _component_: torchtune.models.qwen2_5.lora_qwen2_5_0_5b
  lora_attn_modules: [q_proj]
  lora_rank: 8
  lora_alpha: 16
tokenizer: {{_component_: torchtune.models.qwen2_5.qwen2_5_tokenizer, path: v.json, max_seq_len: 512}}
batch_size: 1
dtype: bf16
optimizer: {{_component_: bitsandbytes.optim.AdamW8bit}}
"""


def test_whether_a_tensor_is_small_is_asked_of_the_whole(tmp_path: Path) -> None:
    """A LoRA's 8 × 896 elements are quantized on every number of ranks: `p.numel()` of a DTensor is that of
    all ranks (bitsandbytes 0.41 to 0.50, optim/optimizer.py, min_8bit_size).
    """
    sizes = [
        estimate_of(tmp_path, TORCHTUNE.format(ranks=ranks)).component_sizes["optimizer_states"]
        for ranks in (1, 2, 4, 8)
    ]
    assert sizes == sorted(sizes, reverse=True)
