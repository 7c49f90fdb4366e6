"""Whether the numbers of a config.json can be the shape of a model: nonsense is refused by name, so that no
size is worked out from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.memory.estimate import CannotEstimate
from vramlint.patterns import pattern

_SIZE = pattern(
    r"(num|n)_(?!param)\w+|(?!(\w+_)?(chunk|window)_size)\w+_(size|dim|rank|layers|heads?|experts?|groups?)"
    r"|d_(model|ff|kv|inner)|dim"
)
"""Names of keys that fix shapes, in every family's spelling. A layer's number may be counted from the end,
and -1 is a window or a chunk as long as the sequence.
"""
_NUMBER = pattern(r"(num|n)_\w+|(hidden|intermediate|vocab)_size|head_dim|d_(model|ff|kv)")
"""Those of them that are never a word."""
_LAYERS = pattern(r"(num|n)_(hidden_)?layers?|num_(encoder|decoder)_layers")
_SINGLE = pattern(
    r"(num|n)_(\w+_)?(layers?|heads?|experts?|groups?)|(hidden|vocab)_size|(\w+_)?head_dim|(q|kv|o)_lora_rank"
)
"""Those that are one whole number for the whole model; other sizes may be listed by layer or by axis."""
_PARTS = ("text_config", "vision_config", "audio_config")
"""Models inside of a model; other sections may be switched on and off."""
_LISTS = frozenset(
    (
        "attn_layer_indices",
        "layer_types",
        "layers_block_type",
        "mlp_only_layers",
        "moe_layers",
        "no_rope_layers",
    )
)
"""What lists layers, by number or by kind."""
MOST_LAYERS = 10_000
LARGEST_SIZE = 10**9
"""Far beyond the widest layer and the largest vocabulary that has been trained."""
_HEADS = ("num_attention_heads", "n_head", "num_heads", "n_heads")
_KV_HEADS = ("num_key_value_heads", "n_head_kv", "num_kv_heads")


def refuse_implausible(model: Model) -> None:
    """Raises CannotEstimate where a model from outside the catalog has a shape that no model has."""
    problem = None if model.source.startswith("catalog") else implausible_field(model.config)
    if problem is not None:
        raise CannotEstimate("invalid-config", f"in the config of {model.name}, {problem}", "model")


def implausible_field(config: Mapping[str, Any]) -> str | None:
    """What is wrong with the first key that no model has: "num_key_value_heads is -8". None where all is
    well.
    """
    return next(_problems(config, ""), None)


def _problems(config: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in config.items():
        if isinstance(value, Mapping) and key.endswith("_config") and key != "quantization_config":
            yield from _problems(value, f"{prefix}{key}.")
        elif key.endswith("_config") and not isinstance(value, Mapping | None) and not _is_switch(key, value):
            yield f"{prefix}{key} is not a mapping"
        elif key in _LISTS and not isinstance(value, list | None):
            yield f"{prefix}{key} is not a list"
        elif _SIZE.fullmatch(key) and (problem := _of_size(key, value)) is not None:
            yield f"{prefix}{key} {problem}"
    yield from _of_heads(config, prefix)


def _is_switch(key: str, value: Any) -> bool:
    """Whether a section is switched on or off, as those that hold no model may be."""
    return isinstance(value, bool) and key not in _PARTS


def _of_size(key: str, value: Any) -> str | None:
    if isinstance(value, Mapping | list) and _SINGLE.fullmatch(key):
        return f"is a {'list' if isinstance(value, list) else 'mapping'}, not a number"
    if isinstance(value, str):
        return "is a text, not a number" if _NUMBER.fullmatch(key) or _SINGLE.fullmatch(key) else None
    if isinstance(value, float) and not value.is_integer():
        return "is no whole number" if _SINGLE.fullmatch(key) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if value < 0:
        return f"is {value}" if value > -LARGEST_SIZE else "is far below 0"
    most = MOST_LAYERS if _LAYERS.fullmatch(key) else LARGEST_SIZE
    return None if value <= most else f"is more than {most:,}"


def _of_heads(config: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Query heads are shared evenly by key/value heads."""
    names = next((name for name in _HEADS if _whole(config.get(name))), None)
    shared = next((name for name in _KV_HEADS if _whole(config.get(name))), None)
    if names and shared and config[names] % config[shared]:
        yield f"{prefix}{names} is {config[names]}, which {shared} {config[shared]} does not divide"


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
