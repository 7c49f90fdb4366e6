"""Keys of a config.json that count the experts of a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EXPERTS = (
    *("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", "num_moe_experts"),
    "moe_num_primary_experts",
)


def has_experts(config: Mapping[str, Any]) -> bool:
    """Whether layers are mixtures; `config` has the text model's keys at one level."""
    return any(isinstance(config.get(key), int) and config[key] > 1 for key in EXPERTS)
