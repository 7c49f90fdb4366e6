"""Which argument each name of people's own configs stands for, in which section, as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from json import dumps
from typing import Any

from vramlint.dialects.own_script.names import (
    BATCHES,
    IN_ADAPTER,
    METHODS,
    NAMES,
    SECTIONS,
    collect,
)

PLACES: tuple[tuple[str, ...], ...] = (
    *((name,) if name else () for name in SECTIONS),
    ("lora_config",), ("training_args",), ("server",), ("Model_CFG",), ("recipe", "model"), ("a", "model"),
    ("model", "model", "model", "model"),
)  # fmt: skip
OTHERS = (
    "name", "path", "id", "hf_id", "hf_name", "base", "model_ckpt", "dtype", "precision", "mixed_precision",
    "use_lora", "use_peft", "enabled", "learning_rate", "per_device_eval_batch_size", "fp16", "unknown",
)  # fmt: skip
VALUES: tuple[Any, ...] = (4, "bf16", True, False, ["q"], None)


def test_what_a_name_stands_for(snapshot: Callable[[str, str], None]) -> None:
    lines = []
    for name in dict.fromkeys((*NAMES, *IN_ADAPTER, *METHODS, *BATCHES, *OTHERS)):
        by_effect: dict[str, list[str]] = {}
        for place in dict.fromkeys(PLACES):
            effects: dict[str, list[Any]] = {}
            for value in VALUES:
                done = _found(place, name, value)
                if done != _found(place, "nothing", value):
                    effects.setdefault(done or "nothing", []).append(value)
            for done, values in effects.items():
                of = "" if len(values) == len(VALUES) - 1 else f" {dumps(values)}"
                by_effect.setdefault(f"{done}{of}", []).append(".".join(place) or "top")
        lines += [name, *(f"  {done}: {', '.join(where)}" for done, where in by_effect.items())]
    snapshot("own-names.txt", "\n".join(lines) + "\n")


def _found(place: tuple[str, ...], name: str, value: Any) -> str:
    made: Mapping[str, Any] = {name: value}
    for section in reversed(place):
        made = {section: made}
    found = collect({**made, "lora_r": 8})
    facts = {key: each for key, each in found.values.items() if key != "lora_r" or each != 8}
    said = [*facts, *(f"open {each}" for each in sorted(found.open)), *(each for each, _ in found.methods)]
    return ", ".join([*said, *(["off"] if found.off else [])])
