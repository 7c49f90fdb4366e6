"""KTransformers: routed experts, their adapters and what they save for backward are in host memory.

Router, shared experts and everything else are on the GPU (kt-kernel 0.7, sft/layer.py and autograd.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Obstacle
from vramlint.dialects.kit.reader import Reader
from vramlint.dialects.kit.reading import unmodelled
from vramlint.lazy_dataclasses import replace

SWITCH = "use_kt"
_EXPERTS = ("n_routed_experts", "num_experts", "num_local_experts")
_WIDTH, _SHARED = "moe_intermediate_size", "n_shared_experts"


def on_gpu(reader: Reader, model: Model) -> Model | Obstacle:
    """The model as the GPU has it: one expert a layer, one wide, stands for the routed ones, so that the run
    needs at least what is counted: a router with a row for each expert is left out.
    """
    config = _without_experts(model.config)
    if config is None:
        return unmodelled(reader, SWITCH, f"{model.name} has no experts that could be in host memory")
    reason = "use_kt keeps the routed experts in host memory; their router is not counted"
    reader.leave_open("parallel.expert", reason, at_least=True)
    # A checkpoint in 8 bits is read as 16-bit weights (kt_non_expert_weight_path, kt_config).
    return replace(model, config=config, parameters=None, quantized_as=None)


def _without_experts(config: Mapping[str, Any]) -> dict[str, Any] | None:
    inner = config.get("text_config")
    if isinstance(inner, Mapping):
        text = _without_experts(inner)
        return None if text is None else {**config, "text_config": text}
    key = next((key for key in _EXPERTS if isinstance(config.get(key), int)), None)
    if key is None:
        return None
    width = _WIDTH if isinstance(config.get(_WIDTH), int) else "intermediate_size"
    changed = {**config, key: 1, "num_experts_per_tok": 1, width: 1}
    for groups in ("n_group", "topk_group"):
        if groups in config:
            changed[groups] = 1
    shared = config.get(_SHARED)
    if isinstance(shared, int) and isinstance(config.get(_WIDTH), int):
        changed[_SHARED] = shared * config[_WIDTH]
    return changed
