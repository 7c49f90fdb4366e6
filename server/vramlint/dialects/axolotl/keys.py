"""The keys of an axolotl config that decide memory, and those of older releases."""

from __future__ import annotations

from vramlint.dialects.axolotl.step_keys import STEP_KEYS
from vramlint.dialects.axolotl.weight_keys import WEIGHT_KEYS
from vramlint.dialects.kit.dialect import Key, Renamed

KEYS: tuple[Key, ...] = (*WEIGHT_KEYS, *STEP_KEYS)

RENAMED: tuple[Renamed, ...] = (
    Renamed("max_packed_sequence_len", "axolotl 0.4", "sample_packing"),
    Renamed("rope_scaling", "axolotl 0.4", "overrides_of_model_config"),
    Renamed("rpo_alpha", "axolotl 0.16"),
    Renamed("dpo_use_logits_to_keep", "axolotl 0.16"),
    Renamed("dpo_generate_during_eval", "axolotl 0.16"),
    Renamed("dpo_norm_loss", "axolotl 0.16"),
    Renamed("s2_attention", "axolotl 0.16"),
    Renamed("flash_attn_rms_norm", "axolotl 0.16", "liger_rms_norm"),
    Renamed("unsloth_cross_entropy_loss", "axolotl 0.16", "cut_cross_entropy"),
    Renamed("unsloth_lora_mlp", "axolotl 0.16", "lora_mlp_kernel"),
    Renamed("unsloth_lora_qkv", "axolotl 0.16", "lora_qkv_kernel"),
    Renamed("unsloth_lora_o", "axolotl 0.16", "lora_o_kernel"),
    Renamed("unsloth_rms_norm", "axolotl 0.16", "liger_rms_norm"),
    Renamed("unsloth_rope", "axolotl 0.16", "liger_rope"),
    Renamed("sequence_parallel_degree", "axolotl 0.12", "context_parallel_size"),
    Renamed("evaluation_strategy", "axolotl 0.5", "eval_strategy"),
    Renamed("noisy_embedding_alpha", "axolotl 0.4", "neftune_noise_alpha"),
    Renamed("dataset_processes", "axolotl 0.12", "dataset_num_proc"),
    Renamed("gptq_groupsize", "axolotl 0.4"),
    Renamed("gptq_model_v1", "axolotl 0.4"),
)
"""Spellings of older releases; the release is the first known to refuse, drop or translate them."""
