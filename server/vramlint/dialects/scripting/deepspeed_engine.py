"""A loop that DeepSpeed's engine steps: what its config says of optimizer, batch and accumulation.

Source: runtime/engine.py of deepspeed 0.19 (initialize, _configure_basic_optimizer, deepspeed_io).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.dialects.kit.run import Given
from vramlint.dialects.scripting.given import Facts, argument_of, given
from vramlint.document.place import Place
from vramlint.document.python.evaluate import Evaluation
from vramlint.document.python.values import Known, Made, Table, Value

_OPTIMIZERS: Mapping[str, str] = {
    "adam": "deepspeed_adamw",
    "adamw": "deepspeed_adamw",
    "adagrad": "adagrad",
    "sgd": "sgd",
    "muon": "muon",
}
"""Types in a config, by the optimizer of the same states; Adam is a kernel of DeepSpeed's."""


def engine_of(reading: Evaluation) -> Made | None:
    """The call that puts a model under DeepSpeed's engine."""
    return next((each for each in reading.made if each.name == "deepspeed.initialize"), None)


def config_of(engine: Made) -> Given:
    """The config that the engine is given: by its name, or as a dictionary."""
    found = argument_of(engine, "config") or argument_of(engine, "config_params")
    return found or Given(None, engine.place, "literal", engine.place, "named elsewhere")


def engine_facts(engine: Made, reading: Evaluation) -> Facts:
    """What the engine's config decides. `step` of the engine counts the micro batches itself."""
    config, place = _config(engine, reading), engine.place
    facts: Facts = {"gradient_accumulation_steps": _entry(config, "gradient_accumulation_steps", 1, place)}
    if engine.argument("optimizer", 2) is None:
        facts["optim"] = _optimizer(config, place)
    if engine.argument("training_data", 4) is not None:
        facts["per_device_train_batch_size"] = _entry(config, "train_micro_batch_size_per_gpu", None, place)
    return facts


def named_optimizer(engine: Made, reading: Evaluation) -> Known | None:
    """The type of the optimizer that the engine makes, as its config has it."""
    config = _config(engine, reading)
    section = config.entries.get("optimizer") if isinstance(config, Table) else None
    named = section.entries.get("type") if isinstance(section, Table) else None
    return named if isinstance(named, Known) and engine.argument("optimizer", 2) is None else None


def _config(engine: Made, reading: Evaluation) -> Value | None:
    config = engine.argument("config") or engine.argument("config_params")
    if isinstance(config, Known) and isinstance(config.value, str):
        return reading.load(config.value, config.place)
    return config


def _entry(config: Value | None, name: str, default: Any, place: Place) -> Given:
    if not isinstance(config, Table):
        return Given(None, place, "literal", place, "decided by DeepSpeed's config")
    value = config.entries.get(name)
    if value is not None:
        return given(value, config.place, config.words.get(name))
    # The batch of a step decides it, with the number of processes.
    open_ = default is None or not config.whole or "train_batch_size" in config.entries
    why = "decided by DeepSpeed's config"
    return Given(None, place, "literal", place, why) if open_ else Given(default, config.place, "implied")


def _optimizer(config: Value | None, place: Place) -> Given:
    """The optimizer that the engine makes itself (torch's own where `torch_adam` says so)."""
    section = config.entries.get("optimizer") if isinstance(config, Table) else None
    named = section.entries.get("type") if isinstance(section, Table) else None
    if not isinstance(named, Known) or not isinstance(section, Table):
        return Given(None, place, "literal", place, "no optimizer is named")
    parameters = section.entries.get("params")
    inner = parameters.entries if isinstance(parameters, Table) else {}
    kind = str(named.value).lower()
    torch_adam = inner.get("torch_adam")
    if isinstance(torch_adam, Known) and torch_adam.value and kind in ("adam", "adamw"):
        return Given("adamw_torch", named.place)
    if "momentum" in inner or kind not in _OPTIMIZERS:
        return Given(None, named.place, "literal", place, f"what {named.value} keeps is not modelled")
    return Given(_OPTIMIZERS[kind], named.place)
