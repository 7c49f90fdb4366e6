"""DeepSpeed and FSDP settings that come with ms-swift and are named instead of a file (4.6.0, config/)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_AUTO: Mapping[str, Any] = {"bf16": {"enabled": "auto"}, "fp16": {"enabled": "auto"}}
_CPU: Mapping[str, Any] = {"device": "cpu"}
_LOW: Mapping[str, Any] = {
    "overlap_comm": False,
    "allgather_bucket_size": 2e8,
    "reduce_bucket_size": 2e8,
}
_ZERO3: Mapping[str, Any] = {
    "stage": 3,
    "overlap_comm": False,
    "sub_group_size": 1e9,
    "reduce_bucket_size": "auto",
    "stage3_prefetch_bucket_size": "auto",
    "stage3_param_persistence_threshold": "auto",
    "stage3_max_live_parameters": 1e9,
    "stage3_gather_16bit_weights_on_model_save": True,
}


def _file(zero: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**_AUTO, "zero_optimization": zero}


DEEPSPEED: Mapping[str, Mapping[str, Any]] = {
    "zero0": _file({"stage": 0, **_LOW}),
    "zero1": _file({"stage": 1, **_LOW}),
    "zero2": _file({"stage": 2, **_LOW}),
    "zero2_offload": _file({"stage": 2, **_LOW, "offload_optimizer": _CPU}),
    "zero3": _file(_ZERO3),
    "zero3_offload": _file({**_ZERO3, "offload_optimizer": _CPU, "offload_param": _CPU}),
}
"""By name; only what decides memory."""
FSDP2: Mapping[str, Any] = {
    "fsdp_version": 2,
    "reshard_after_forward": True,
    "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
    "cpu_ram_efficient_loading": True,
    "state_dict_type": "SHARDED_STATE_DICT",
    "activation_checkpointing": True,
}
