"""What each key of a model's config does, family by family, as text that a reader can review: the fields of
the declaration that differ without the key, and with other values of it.

Tried are the keys that any family asks for, with values that models of the catalog have and with odd ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import groupby
from json import dumps
from typing import Any
from zlib import crc32

import pytest
from test_family_sizes import MODELS, smallest

from vramlint.memory.architectures.families import FAMILIES, family_of
from vramlint.memory.estimate import CannotEstimate

SMALL: Mapping[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
}
"""Of a family of which the catalog has no model."""
ODD: tuple[Any, ...] = (True, 3, 0.25)
MOST_VALUES, MOST_LETTERS = 2, 80
LEAST = (
    *(
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "vocab_size",
        "d_model",
        "n_layer",
        "n_head",
    ),
    *("n_embd", "n_layers", "n_heads", "model_type"),
)
"""What hardly a config leaves out."""
DEFAULT = "as by default"
NOT_SHAPES = "architectures", "model_type"


class Asked(dict[str, Any]):
    """A config that notes which keys it is asked for."""

    def __init__(self, config: Mapping[str, Any], asked: dict[str, None]) -> None:
        super().__init__(config)
        self.asked = asked

    def get(self, key: str, default: Any = None) -> Any:
        self.asked[key] = None
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.asked[key] = None
        return super().__getitem__(key)


@cache
def configs() -> Mapping[str, Mapping[str, Any]]:
    """A config of each family."""
    known = {model.model_type: model.config for model in smallest()}
    return {name: {**SMALL, **known.get(name, {})} for name in FAMILIES}


@cache
def keys() -> tuple[str, ...]:
    """All that any family asks for."""
    asked: dict[str, None] = {}
    for name, config in configs().items():
        declared(name, Asked(config, asked))
    return tuple(sorted(asked.keys() - set(NOT_SHAPES)))


@cache
def released() -> Mapping[str, list[Any]]:
    """Values that the catalog's models have for each key, few of each."""
    found: dict[str, dict[str, Any]] = {}
    for model in MODELS.search(""):
        for key, value in model.config.items():
            known = found.setdefault(key, {})
            if len(known) < MOST_VALUES:
                known.setdefault(dumps(value), value)
    return {key: list(values.values()) for key, values in found.items()}


def declared(name: str, config: Mapping[str, Any]) -> dict[str, str]:
    """What a family makes of a config, field by field."""
    family = family_of(name)
    assert family is not None
    try:
        made = family(config)
    except CannotEstimate as cannot:
        return {"no": cannot.message}
    except (TypeError, ValueError, ZeroDivisionError, AttributeError, KeyError, IndexError) as error:
        return {"no": type(error).__name__}
    return dict(fields(made))


def fields(made: Any) -> Iterator[tuple[str, str]]:
    """The fields that are not as by default."""
    for name, default in defaults(type(made)).items():
        value = getattr(made, name)
        if value != default:
            yield name, told(value)


@cache
def defaults(kind: type) -> Mapping[str, Any]:
    """The fields of a record with their defaults."""
    return {each.name: each.default for each in dataclasses.fields(kind)}


def told(value: Any) -> str:
    """A value in a line: functions by name, equal layers once."""
    if isinstance(value, partial):
        return f"{told(value.func)} {told(value.keywords)}"
    if hasattr(type(value), "__fields__"):
        inner = ", ".join(f"{name} {each}" for name, each in fields(value))
        return f"{type(value).__name__}({inner})"
    if callable(value):
        return str(getattr(value, "__name__", type(value).__name__))
    if isinstance(value, tuple):
        runs = [(told(each), len(list(run))) for each, run in groupby(value)]
        return " ".join(each if count == 1 else f"{count} × {each}" for each, count in runs)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {told(each)}" for key, each in value.items())
    return str(value)


def short(text: str) -> str:
    """The text, of a long one its beginning and a sum."""
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}… {crc32(text.encode()):08x}"


@pytest.mark.parametrize("name", FAMILIES)
def test_what_a_key_of_a_config_does(name: str, snapshot: Callable[[str, str], None]) -> None:
    config = configs()[name]
    before = declared(name, config)
    lines = [f"{field}: {value}" for field, value in before.items()]
    least = declared(name, {key: value for key, value in config.items() if key in LEAST})
    differs = [field for field in {**before, **least} if before.get(field) != least.get(field)]
    lines.append(
        f"of sizes alone: {'; '.join(f'{field} {short(least.get(field, DEFAULT))}' for field in differs)}"
    )
    lines.append("")
    for key in keys():
        by_effect: dict[str, list[str]] = {}
        changed = {dumps(value): {**config, key: value} for value in (*released().get(key, ()), *ODD)}
        changed["left out"] = {other: value for other, value in config.items() if other != key}
        for how, other in changed.items():
            after = declared(name, other)
            differs = [field for field in {**before, **after} if before.get(field) != after.get(field)]
            if "no" in after:
                differs = ["no"]
            done = "; ".join(f"{field} {short(after.get(field, DEFAULT))}" for field in differs)
            if done:
                by_effect.setdefault(done, []).append(short(how))
        lines += [f"{key} = {' or '.join(words)}: {done}" for done, words in by_effect.items()]
    snapshot(f"config-{name}.txt", "\n".join(lines) + "\n")
