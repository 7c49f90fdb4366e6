"""What each key of a config does in models that are no plain family: towers for images and sound, what joins
them to a decoder, and decoders that are known by their keys alone. A line tells what a step of a shallow
model of that kind makes without the key, and with another value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from test_config_keys import Asked, short
from test_family_sizes import MODELS, smallest
from test_family_walks import RUNS, job_of, told

from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.memory.architectures import FAMILIES

TYPES = sorted({model.model_type for model in smallest()} - set(FAMILIES))
SHALLOW, FEW_WORDS = 4, 2048
ABSENT: tuple[Any, ...] = (True, 3)
"""Tried where a config has no such key."""
Config = dict[str, Any]


def shallow(config: Mapping[str, Any]) -> Config:
    """The config with few layers and words."""
    made: Config = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            made[key] = shallow(value)
        elif isinstance(value, (list, tuple)):
            made[key] = list(value)[:SHALLOW]
        elif isinstance(value, int) and not isinstance(value, bool):
            most = SHALLOW if "layers" in key or key in ("n_layer", "depth") else None
            most = FEW_WORDS if "vocab" in key else most
            made[key] = value if most is None else min(value, most)
        else:
            made[key] = value
    return made


def asked_for(config: Config, job: TrainingJob) -> list[tuple[str, ...]]:
    """The keys that are asked for, in each section, and those that the config has."""
    notes: dict[tuple[str, ...], dict[str, None]] = {}

    def noted(section: Mapping[str, Any], above: tuple[str, ...]) -> Asked:
        inner = {
            key: noted(value, (*above, key)) if isinstance(value, Mapping) else value
            for key, value in section.items()
        }
        return Asked(inner, notes.setdefault(above, dict.fromkeys(section)))

    model = MODELS.from_config(config, "x")
    if model is not None:
        told(replace(job, model=replace(model, config=noted(model.config, ()))))
    return sorted((*above, key) for above, keys in notes.items() for key in keys)


def others(value: Any) -> Iterator[Any]:
    """Other values of a key."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield value * 2
        yield value + 1
    elif isinstance(value, str):
        yield "x"
    elif isinstance(value, (list, tuple)):
        yield list(reversed(value))
    elif value is None:
        yield from ABSENT


def with_value(config: Config, path: tuple[str, ...], value: Any) -> Config:
    """The config with another value at a key; None: without it."""
    key, *rest = path
    if rest:
        inner = config.get(key)
        value = with_value(inner if isinstance(inner, dict) else {}, tuple(rest), value)
    return {**{name: each for name, each in config.items() if name != key}, **(
        {} if value is None else {key: value}
    )}  # fmt: skip


def made_of(config: Config, job: TrainingJob) -> str:
    """What a step with that config makes."""
    try:
        model = MODELS.from_config(config, "x")
        return "no model" if model is None else told(replace(job, model=model))
    except (TypeError, ValueError, ZeroDivisionError, AttributeError, KeyError, IndexError) as error:
        return type(error).__name__


@pytest.mark.parametrize("name", TYPES)
def test_what_a_key_of_a_part_does(name: str, snapshot: Callable[[str, str], None]) -> None:
    known = next(model for model in smallest() if model.model_type == name)
    job = job_of(known, RUNS["plain"])
    assert job is not None
    config = shallow(known.config)
    before = made_of(config, job)
    lines = [f"as it is: {before}"]
    for path in asked_for(config, job):
        value: Any = config
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping):
            continue
        by_effect: dict[str, list[str]] = {}
        for other in (*others(value), *(() if value is None else (None,))):
            done = short(made_of(with_value(config, path, other), job))
            if done != short(before):
                how = "left out" if other is None else str(other)
                by_effect.setdefault(done, []).append(short(how))
        lines += [f"{'.'.join(path)} = {' or '.join(how)}: {done}" for done, how in by_effect.items()]
    snapshot(f"parts-{name}.txt", "\n".join(lines) + "\n")
