"""oumi's sections as the flat arguments that it makes of them, each with the place of its key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.dialect import UNSET
from vramlint.dialects.kit.reader import look_up
from vramlint.dialects.oumi.keys import MADE
from vramlint.job import KeyPath
from vramlint.lazy_dataclasses import dataclass, field

_FSDP: Mapping[str, str] = {
    "sharding_strategy": "fsdp_sharding_strategy",
    "cpu_offload": "fsdp_offload_params",
    "auto_wrap_policy": "fsdp_auto_wrap_policy",
    "transformer_layer_cls": "fsdp_transformer_layer_cls_to_wrap",
    "state_dict_type": "fsdp_state_dict_type",
    "backward_prefetch": "fsdp_backward_prefetch",
}
_SECTIONS = ("training.grpo", "training.gkd", "training.trainer_kwargs")
"""Sections whose keys are arguments of the trainer; the last one beats the others."""
_ZERO = (
    *("overlap_comm", "reduce_bucket_size", "allgather_bucket_size", "sub_group_size", "offload_optimizer"),
    *("stage3_prefetch_bucket_size", "stage3_param_persistence_threshold", "stage3_max_live_parameters"),
    *("offload_param", "stage3_gather_16bit_weights_on_model_save"),
)


@dataclass(slots=True)
class Flat:
    """Arguments and where each is written."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, KeyPath] = field(default_factory=dict)

    def take(self, name: str, value: Any, place: str) -> None:
        """An argument by the key that decides it."""
        self.values[name] = value
        self.places[name] = tuple(place.split("."))


def flatten(values: Mapping[str, Any]) -> Flat:
    """The arguments of a file."""
    flat = Flat()
    for path, name in MADE.items():
        value = look_up(values, path)
        if value is not UNSET and value is not None:
            flat.take(name, value, path)
    for section in _SECTIONS:
        inner = look_up(values, section)
        for name, value in inner.items() if isinstance(inner, Mapping) else ():
            if isinstance(name, str):
                flat.take(name, value, f"{section}.{name}")
    flat.places["gradient_checkpointing_kwargs.use_reentrant"] = (
        "training",
        "gradient_checkpointing_kwargs",
        "use_reentrant",
    )
    _precision(flat, values)
    _quantization(flat, values)
    _fsdp(flat, values)
    _deepspeed(flat, values)
    return flat


def word(values: Mapping[str, Any], path: str) -> str:
    """The name of an enumeration's member, as OmegaConf takes it: by name or by value, in any case."""
    value = look_up(values, path)
    return str(value).rpartition(".")[2].upper() if value not in (UNSET, None) else ""


def _precision(flat: Flat, values: Mapping[str, Any]) -> None:
    path = "training.mixed_precision_dtype"
    kind = word(values, path)
    for name in ("BF16", "FP16"):
        if kind == name:
            flat.take(name.lower(), True, path)


def _quantization(flat: Flat, values: Mapping[str, Any]) -> None:
    if look_up(values, "peft.q_lora") is not True:
        return
    eight = look_up(values, "peft.q_lora_bits") == 8
    flat.take("load_in_8bit" if eight else "load_in_4bit", True, "peft.q_lora")
    flat.values.setdefault("bnb_4bit_quant_type", "fp4")


def _fsdp(flat: Flat, values: Mapping[str, Any]) -> None:
    """FSDP 1 through accelerate's variables (distributed.py, get_accelerate_env_vars)."""
    section = look_up(values, "fsdp")
    if not isinstance(section, Mapping) or section.get("enable_fsdp") is not True:
        return
    made: dict[str, Any] = {
        "fsdp_version": 1,
        "fsdp_auto_wrap_policy": "NO_WRAP",
        "fsdp_backward_prefetch": "BACKWARD_PRE",
    }
    made |= {name: section[key] for key, name in _FSDP.items() if section.get(key) is not None}
    made["fsdp_activation_checkpointing"] = look_up(values, "training.enable_gradient_checkpointing") is True
    flat.take("fsdp_config", made, "fsdp.enable_fsdp")
    # The names of the section inside lie where oumi has them.
    for key, name in _FSDP.items():
        flat.places[name] = ("fsdp", key)
    flat.places["fsdp_version"] = ("fsdp", "enable_fsdp")
    flat.places["fsdp_activation_checkpointing"] = ("training", "enable_gradient_checkpointing")
    half = str(section.get("mixed_precision")).lower()
    if half in ("bf16", "fp16"):
        flat.take(half, True, "fsdp.mixed_precision")


def _deepspeed(flat: Flat, values: Mapping[str, Any]) -> None:
    """The JSON that oumi writes, or the one that it is given."""
    section = look_up(values, "deepspeed")
    if not isinstance(section, Mapping) or section.get("enable_deepspeed") is not True:
        return
    file = section.get("deepspeed_config_path")
    if file is not None:
        flat.take("deepspeed", file, "deepspeed.deepspeed_config_path")
        return
    stage = re.search(r"[0-3]", word(values, "deepspeed.zero_stage"))
    zero: dict[str, Any] = {"stage": int(stage[0]) if stage else 0, "overlap_comm": False}
    zero |= {name: section[name] for name in _ZERO if section.get(name) is not None}
    half = {"FP16": "fp16", "BF16": "bf16"}.get(word(values, "deepspeed.precision"))
    made: dict[str, Any] = {"zero_optimization": zero} | ({half: {"enabled": True}} if half else {})
    flat.take("deepspeed", made, "deepspeed.enable_deepspeed")
    for name in _ZERO:
        flat.places[f"zero_optimization.{name}"] = ("deepspeed", name)
    flat.places["zero_optimization.stage"] = ("deepspeed", "zero_stage")
    flat.places["zero_optimization"] = ("deepspeed", "enable_deepspeed")
