"""PEFT's default target modules by model type (peft 0.21.2, `utils/constants.py`): what a LoRA without
targets adapts.
"""

from __future__ import annotations

from collections.abc import Mapping

_Q_V = ("q_proj", "v_proj")
_FUSED = ("query_key_value",)

DEFAULT_TARGETS: Mapping[str, tuple[str, ...] | str] = {
    "RefinedWeb": _FUSED,
    "RefinedWebModel": _FUSED,
    "bart": _Q_V,
    "bert": ("query", "value"),
    "blip-2": ("q", "v", "q_proj", "v_proj"),
    "bloom": _FUSED,
    "btlm": ("c_proj", "c_attn"),
    "chatglm": _FUSED,
    "codegen": ("qkv_proj",),
    "deberta": ("in_proj",),
    "deberta-v2": ("query_proj", "value_proj"),
    "electra": ("query", "value"),
    "falcon": _FUSED,
    "gemma": _Q_V,
    "gemma2": _Q_V,
    "gemma3_text": _Q_V,
    "gemma4": r".*language_model\..*\.(q_proj|v_proj)",
    "gpt2": ("c_attn",),
    "gpt_bigcode": ("c_attn",),
    "gpt_neo": _Q_V,
    "gpt_neox": _FUSED,
    "gptj": _Q_V,
    "layoutlm": ("query", "value"),
    "llama": _Q_V,
    "llama4": _Q_V,
    "mistral": _Q_V,
    "mixtral": _Q_V,
    "mpt": ("Wqkv",),
    "mt5": ("q", "v"),
    "nemotron_h": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "opt": _Q_V,
    "phi": ("q_proj", "v_proj", "fc1", "fc2"),
    "qwen2": _Q_V,
    "qwen3": _Q_V,
    "roberta": ("query", "value"),
    "rwkv": ("key", "value", "receptance", "output"),
    "rwkv7": ("r_proj", "k_proj", "v_proj", "o_proj", "key", "value"),
    "stablelm": _Q_V,
    "t5": ("q", "v"),
    "xlm-roberta": ("query", "value"),
}
