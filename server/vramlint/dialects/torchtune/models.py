"""Models as torchtune names them: by builder.

Source: torchtune 0.6.1 and the head of its repository (torchtune/models/*/_model_builders.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ADAPTED = re.compile(r"(?:q?lora|q?dora)_")

TORCHTUNE: Mapping[str, str] = {
    "gemma_2b": "google/gemma-2b",
    "gemma_7b": "google/gemma-7b",
    "gemma2_2b": "google/gemma-2-2b",
    "gemma2_9b": "google/gemma-2-9b",
    "gemma2_27b": "google/gemma-2-27b",
    "llama2_7b": "meta-llama/Llama-2-7b-hf",
    "llama2_13b": "meta-llama/Llama-2-13b-hf",
    "llama2_70b": "meta-llama/Llama-2-70b-hf",
    "llama2_reward_7b": "meta-llama/Llama-2-7b-hf",
    "llama3_8b": "meta-llama/Meta-Llama-3-8B",
    "llama3_70b": "meta-llama/Meta-Llama-3-70B",
    "llama3_1_8b": "meta-llama/Llama-3.1-8B",
    "llama3_1_70b": "meta-llama/Llama-3.1-70B",
    "llama3_1_405b": "meta-llama/Llama-3.1-405B",
    "llama3_2_1b": "meta-llama/Llama-3.2-1B",
    "llama3_2_3b": "meta-llama/Llama-3.2-3B",
    "llama3_2_vision_11b": "meta-llama/Llama-3.2-11B-Vision-Instruct",
    "llama3_2_vision_90b": "meta-llama/Llama-3.2-90B-Vision-Instruct",
    "llama3_3_70b": "meta-llama/Llama-3.3-70B-Instruct",
    "llama4_scout_17b_16e": "meta-llama/Llama-4-Scout-17B-16E-Instruct",
    "llama4_maverick_17b_128e": "meta-llama/Llama-4-Maverick-17B-128E-Instruct",
    "mistral_7b": "mistralai/Mistral-7B-v0.1",
    "mistral_reward_7b": "mistralai/Mistral-7B-v0.1",
    "phi3_mini": "microsoft/Phi-3-mini-4k-instruct",
    "phi4_14b": "microsoft/phi-4",
    "qwen2_0_5b": "Qwen/Qwen2-0.5B",
    "qwen2_1_5b": "Qwen/Qwen2-1.5B",
    "qwen2_7b": "Qwen/Qwen2-7B",
    "qwen2_5_0_5b": "Qwen/Qwen2.5-0.5B",
    "qwen2_5_1_5b": "Qwen/Qwen2.5-1.5B",
    "qwen2_5_3b": "Qwen/Qwen2.5-3B",
    "qwen2_5_7b": "Qwen/Qwen2.5-7B",
    "qwen2_5_14b": "Qwen/Qwen2.5-14B",
    "qwen2_5_32b": "Qwen/Qwen2.5-32B",
    "qwen2_5_72b": "Qwen/Qwen2.5-72B",
    "qwen3_0_6b": "Qwen/Qwen3-0.6B",
    "qwen3_1_7b": "Qwen/Qwen3-1.7B",
    "qwen3_4b": "Qwen/Qwen3-4B",
    "qwen3_8b": "Qwen/Qwen3-8B",
    "qwen3_14b": "Qwen/Qwen3-14B",
    "qwen3_32b": "Qwen/Qwen3-32B",
    "smollm2_135m": "HuggingFaceTB/SmolLM2-135M",
    "smollm2_360m": "HuggingFaceTB/SmolLM2-360M",
    "smollm2_1_7b": "HuggingFaceTB/SmolLM2-1.7B",
}
"""Builder, without the prefix of an adapter and the suffix of a tune, and a hub id of the same shapes."""

_PACKAGES = (
    *("gemma", "gemma2", "llama2", "llama3", "llama3_1", "llama3_2", "llama3_2_vision", "llama3_3", "llama4"),
    *("mistral", "phi3", "phi4", "qwen2", "qwen2_5", "qwen3", "smollm2"),
)
"""Folders below torchtune/models that hold builders."""

GENERIC_TORCHTUNE: Mapping[str, Mapping[str, Any]] = {
    "llama2": {"model_type": "llama"},
    "llama2_classifier": {"model_type": "llama"},
    "llama3": {"model_type": "llama"},
    "llama3_1": {"model_type": "llama"},
    "llama3_2": {"model_type": "llama", "tie_word_embeddings": True},
    "mistral": {"model_type": "mistral"},
    "mistral_classifier": {"model_type": "mistral"},
    "gemma": {"model_type": "gemma", "tie_word_embeddings": True},
    "gemma2": {"model_type": "gemma2", "tie_word_embeddings": True},
    "phi3": {"model_type": "phi3"},
    "qwen2": {"model_type": "qwen2"},
    "qwen3": {"model_type": "qwen3"},
}
"""Builders that take their dimensions as arguments, and what their class adds."""

TORCHTUNE_ARGUMENTS: Mapping[str, str] = {
    "vocab_size": "vocab_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "num_kv_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "embed_dim": "hidden_size",
    "intermediate_dim": "intermediate_size",
    "max_seq_len": "max_position_embeddings",
    "tie_word_embeddings": "tie_word_embeddings",
    "num_classes": "num_labels",
}
"""Arguments of these builders and config.json's keys."""


def builders() -> tuple[str, ...]:
    """The dotted names of all builders, as `_component_` takes them."""
    prefixes = ("", "lora_", "qlora_")
    return tuple(
        f"torchtune.models.{_module(name)}.{prefix}{name}" for name in TORCHTUNE for prefix in prefixes
    )


def _module(builder: str) -> str:
    """The package of a builder: "llama3_1" of "llama3_1_8b", "mistral" of "mistral_reward_7b"."""
    longest_first = sorted(_PACKAGES, key=len, reverse=True)
    return next(package for package in longest_first if builder.startswith(f"{package}_"))


def torchtune_builder(component: str) -> tuple[str, str]:
    """The adapter prefix ("", "lora", "qlora", "dora", "qdora") and the rest of a `_component_`'s name."""
    name = component.rpartition(".")[2]
    adapted = ADAPTED.match(name)
    return (adapted[0].rstrip("_"), name[adapted.end() :]) if adapted else ("", name)


def family_and_size(component: str) -> str:
    """A builder as torchtune's own configs are named: "llama3_1 70B", "qwen2 0.5B", "phi3 mini"."""
    package, name = component.split(".")[-2], torchtune_builder(component)[1]
    size = re.sub(r"(?<=\d)_(?=\d)", ".", name.removeprefix(package).strip("_"))
    return f"{package} {re.sub(r'(?<=[0-9])[be](?![a-z])', lambda unit: unit[0].upper(), size)}".strip()


def torchtune_model(component: str) -> str | None:
    """The hub id of a builder such as "torchtune.models.llama3_1.qlora_llama3_1_8b", or None."""
    builder = torchtune_builder(component)[1]
    for suffix in ("", "_base", "_instruct"):
        found = TORCHTUNE.get(builder.removesuffix(suffix))
        if found is not None:
            return found
    return None


def torchtune_config(component: str, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """config.json's keys for a builder that takes its dimensions as arguments, or None."""
    generic = GENERIC_TORCHTUNE.get(torchtune_builder(component)[1])
    if generic is None:
        return None
    given = {
        key: arguments[name] for name, key in TORCHTUNE_ARGUMENTS.items() if arguments.get(name) is not None
    }
    config = {"tie_word_embeddings": False, **generic, **given}
    width = config.get("hidden_size")
    if "intermediate_size" not in config and isinstance(width, int):
        config["intermediate_size"] = torchtune_mlp_width(width)
    return config


def torchtune_mlp_width(embed_dim: int, multiple_of: int = 256) -> int:
    """Llama's default width of the MLP: two thirds of four times the model's, rounded up.

    torchtune.models.llama2._model_utils.scale_hidden_dim_for_mlp.
    """
    width = 2 * (4 * embed_dim) // 3
    return -(-width // multiple_of) * multiple_of
