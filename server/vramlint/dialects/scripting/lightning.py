"""A run of PyTorch Lightning: its Trainer, and the module that holds a language model.

Sources: lightning 2.6, below pytorch: trainer/trainer.py (defaults),
trainer/connectors/accelerator_connector.py (strategies and precisions by name), plugins/precision (what each
does to the weights).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from vramlint.dialects.kit.run import Given, Launch, Run, Trainer, Unknown
from vramlint.dialects.scripting.facts import MODEL, PREPARED, SHAPE, SPREAD, model_facts
from vramlint.dialects.scripting.given import Facts, argument_of
from vramlint.dialects.scripting.loops import (
    arguments_of,
    is_language_model,
    is_optimizer,
    optimizer_of,
    outermost,
    stated_weights,
)
from vramlint.dialects.scripting.rows import batch_of
from vramlint.document.python.evaluate import Evaluation
from vramlint.document.python.values import Known, Made, Value
from vramlint.lazy_dataclasses import replace

_PACKAGES = ("lightning.", "pytorch_lightning.", "lightning.pytorch.")
_MODULE = (
    "setup",
    "prepare_data",
    "configure_model",
    "configure_optimizers",
    "train_dataloader",
    "training_step",
)
"""Methods that the Trainer calls before or while it trains."""


class Precision(NamedTuple):
    """What a word for the precision does: autocast, and the dtype of all weights."""

    autocast: str | None = None
    weights: str | None = None


_PRECISIONS: Mapping[str, Precision] = {
    **dict.fromkeys(("bf16", "bf16-mixed"), Precision("bf16")),
    **dict.fromkeys(("16", "16-mixed"), Precision("fp16")),
    "bf16-true": Precision(weights="bfloat16"),
    "16-true": Precision(weights="float16"),
    **dict.fromkeys(("32", "32-true"), Precision(weights="float32")),
}


def lightning_run(fit: Made, reading: Evaluation) -> tuple[Run, Facts] | None:
    """The run of `Trainer(...).fit(module)`; None where it is another call or no language model is known."""
    trainer = fit.owner
    if fit.kind != "fit" or trainer is None or trainer.kind != "Trainer":
        return None
    if not trainer.name.startswith(_PACKAGES):
        return None
    module = fit.argument("model", 0)
    for each in (module, fit.argument("datamodule"), fit.argument("train_dataloaders", 1)):
        _start(each, reading)
    place = trainer.place
    bases = [each for each in reading.made if is_language_model(each)]
    facts = model_facts(outermost(bases[0], reading.made), place) if bases else None
    if facts is None or MODEL not in facts:
        return None
    opened: list[Unknown] = []
    if len(bases) > 1:
        opened.append(Unknown("method", "more than one language model takes part", place))
    if trainer.missing:
        opened.append(Unknown("config", trainer.missing, place))
    optimizers = [each for each in reading.made if is_optimizer(each)]
    no_optimizer = Given(None, place, "literal", place, "the module's optimizer is not here")
    facts["optim"] = optimizer_of(optimizers, place) if optimizers else no_optimizer
    facts["per_device_train_batch_size"] = batch_of(reading, place)
    steps = argument_of(trainer, "accumulate_grad_batches")
    facts["gradient_accumulation_steps"] = steps or Given(1, place, "implied")
    facts |= _precision(trainer, facts)
    clip = argument_of(trainer, "gradient_clip_val")
    facts["max_grad_norm"] = clip or Given(0.0, place, "implied")
    stated, launch = _spread(trainer, opened)
    return _made(facts, stated, launch, opened, reading)


def _made(
    facts: Facts, stated: Facts, launch: Launch, opened: list[Unknown], reading: Evaluation
) -> tuple[Run, Facts]:
    place = launch.place
    fresh, prepared, shape, _ = (facts.pop(name, None) for name in ("fresh", PREPARED, SHAPE, SPREAD))
    if shape is not None:
        stated["model"] = shape
    arguments = arguments_of(facts, reading, opened, place)
    objective = "pretrain" if fresh else "sft"
    stated |= {"framework": Given("lightning", place), "method": Given(objective, place)}
    stated |= stated_weights(arguments, place)
    run = Run(
        launch,
        Given("Trainer.fit", place),
        "own-script",
        arguments=arguments,
        open=tuple(opened),
        trainer=Trainer(
            "own", "pretrain" if fresh else "sft", bool(prepared and prepared.value), "freed", called=True
        ),
    )
    return run, stated


def _start(value: Value | None, reading: Evaluation) -> None:
    """What the Trainer calls of a module or a data module that the script defines."""
    if isinstance(value, Made) and value.defined is not None:
        for name in _MODULE:
            function = value.defined.functions.get(name)
            if function is not None and function.node not in reading.called:
                reading.follow(replace(function, owner=value), [], {}, value.place)


def _precision(trainer: Made, facts: Facts) -> Facts:
    asked = argument_of(trainer, "precision")
    if asked is None:
        asked = Given("32-true", trainer.place, "implied")
    found = _PRECISIONS.get(str(asked.value))
    if asked.value is None or found is None:
        why = asked.why or f"the precision {asked.value} is not read"
        return {"bf16": replace(asked, value=None, why=why)}
    result = {name: replace(asked, value=found.autocast == name) for name in ("bf16", "fp16")}
    if found.weights is not None and found.weights != "float32":
        result["dtype"] = replace(asked, value=found.weights)
    return result


def _spread(trainer: Made, opened: list[Unknown]) -> tuple[Facts, Launch]:
    """The engine that a strategy names, and how many processes the Trainer starts."""
    place = trainer.place
    devices = argument_of(trainer, "devices")
    nodes = argument_of(trainer, "num_nodes") or Given(1, place, "implied")
    count = _count(devices)
    processes = None
    if count is not None and devices is not None and isinstance(nodes.value, int):
        processes = replace(devices, value=count * nodes.value)
    launch = Launch(
        place, ("lightning",), processes=processes, per_node=devices if count else None, nodes=nodes
    )
    strategy = argument_of(trainer, "strategy") or Given("auto", place, "implied")
    value = trainer.argument("strategy")
    word = str(strategy.value) if isinstance(value, Known) or value is None else _class_word(value)
    if word.startswith("deepspeed") and word[-1:].isdigit():
        opened.append(Unknown("estimate", "Lightning's own DeepSpeed settings are not read", strategy.place))
        return {
            "engine": replace(strategy, value="deepspeed"),
            "zero_stage": replace(strategy, value=int(word[-1])),
        }, launch
    if word.startswith(("fsdp", "deepspeed")):
        opened.append(Unknown("estimate", f"Lightning's own wrapping by {word} is not read", strategy.place))
        return {"engine": replace(strategy, value=word.partition("_")[0])}, launch
    if word in ("auto", "ddp") or word.startswith("ddp_"):
        known = count is not None
        spread = word != "auto" or (known and processes is not None and processes.value > 1)
        return ({"engine": replace(strategy, value="ddp", why="")} if spread else {}), launch
    opened.append(Unknown("engine", f"the strategy {word} is not read", strategy.place))
    return {}, launch


def _count(devices: Given | None) -> int | None:
    """The GPUs of a node: a number, or a list of them."""
    value = devices.value if devices is not None else None
    if isinstance(value, list):
        return len(value)
    word = str(value)
    if "," in word:
        return len([each for each in word.split(",") if each.strip()])
    return int(word) if word.isdigit() and int(word) > 0 else None


def _class_word(value: Value) -> str:
    """A strategy that is given as an object, by the word for its class."""
    if not isinstance(value, Made):
        return "unknown"
    stage = value.argument("stage")
    word = value.kind.removesuffix("Strategy").lower()
    return f"{word}_stage_{stage.value}" if isinstance(stage, Known) else word
