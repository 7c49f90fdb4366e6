"""Axolotl's files whose README prints what the log's `device_mem_reserved(gib)` said."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import estimate_of

from vramlint.catalog.facts import GIB

GEMMA = r"""# vramlint: gpu=H100-80GB versions=axolotl@0.16
base_model: google/gemma-4-31B
plugins:
  - axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin
  - axolotl.integrations.liger.LigerPlugin
liger_rms_norm: true
liger_rope: true
liger_glu_activation: true
datasets: [{path: own/conversations, type: chat_template}]
sequence_len: 2048
sample_packing: true
micro_batch_size: 1
gradient_accumulation_steps: 4
load_in_4bit: true
adapter: qlora
lora_r: 16
lora_alpha: 32
lora_target_modules: 'model.language_model.layers.[\d]+.(mlp|self_attn).(up|down|gate|q|k|v|o)_proj'
bnb_config_kwargs: {bnb_4bit_use_double_quant: true}
optimizer: adamw_torch_8bit
bf16: true
gradient_checkpointing: true
activation_offloading: true
attn_implementation: flash_attention_2
"""


def test_gemma_4_31b_in_four_bits(tmp_path: Path) -> None:
    """25.2 GiB reserved (examples/gemma4/README.md): 60 layers in nf4, the embedding in 16 bits, and before
    the training in 32.
    """
    estimate = estimate_of(tmp_path, GEMMA)
    assert estimate.peak_reserved_bytes == pytest.approx(25.2 * GIB, rel=0.08)
