"""The DeepSpeed files that come with axolotl (`axolotl fetch deepspeed_configs`), for configs that name
one that is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_AUTO: Mapping[str, Any] = {"enabled": "auto"}
_CPU: Mapping[str, Any] = {"device": "cpu"}
_ZERO2: Mapping[str, Any] = {"stage": 2, "offload_optimizer": _CPU, "overlap_comm": True}
_ZERO3: Mapping[str, Any] = {
    "stage": 3,
    "overlap_comm": True,
    "reduce_bucket_size": "auto",
    "stage3_prefetch_bucket_size": "auto",
    "stage3_param_persistence_threshold": "auto",
    "max_live_parameters": 0,
}


def _file(zero: Mapping[str, Any], bf16: Any = "auto") -> Mapping[str, Any]:
    return {
        "zero_optimization": zero,
        "bf16": {"enabled": bf16},
        **({"fp16": _AUTO} if bf16 == "auto" else {}),
    }


SHIPPED_DEEPSPEED: Mapping[str, Mapping[str, Any]] = {
    "zero1.json": _file({"stage": 1, "overlap_comm": True}),
    "zero1_torch_compile.json": _file({"stage": 1, "overlap_comm": True}),
    "zero2.json": _file(_ZERO2),
    "zero2_torch_compile.json": _file(_ZERO2),
    "zero3.json": _file(_ZERO3),
    "zero3_bf16.json": _file(_ZERO3, True),
    "zero3_bf16_cpuoffload_params.json": _file({**_ZERO3, "offload_param": _CPU}, True),
    "zero3_bf16_cpuoffload_all.json": _file(
        {**_ZERO3, "offload_param": _CPU, "offload_optimizer": _CPU}, True
    ),
}
"""By file name; only what decides memory."""
