"""verl: Hydra YAML, over the defaults that ship with it. Semantics of 0.9.1.

Fine-tuning and reinforcement learning with FSDP are estimated; Megatron-LM's actor is recognised only.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Context, Dialect, Obstacle, ReadResult
from vramlint.dialects.kit.hydra_defaults import inherit
from vramlint.dialects.kit.read_only import reader_of
from vramlint.dialects.kit.reader import Reader, text
from vramlint.dialects.kit.reading import find_model, finish
from vramlint.dialects.verl.edits import edits
from vramlint.dialects.verl.fine_tuning import fine_tuning, old_fine_tuning
from vramlint.dialects.verl.keys import KEYS
from vramlint.dialects.verl.reinforcement import MODEL, reinforcement
from vramlint.job import TrainingJob

SHIPPED = frozenset(
    {
        *("ppo_trainer", "sft_trainer", "sft_trainer_engine", "dp", "hf_model", "fsdp", "legacy_data"),
        *(f"{engine}{part}" for engine in ("", "dp_") for part in ("actor", "ref", "critic")),
        *(
            "rollout",
            "reward",
            "reward_manager",
            "dp_reward_model",
            "dp_reward_loop",
            "profiler",
            "legacy_reward_impl",
            "rollout_correction",
            "distillation",
        ),
        *("transfer_queue", "npu_profile"),
    }
)
"""Files of verl's own that others name as their parents: their values are the defaults of the keys."""
TRAINERS = frozenset(name for name in SHIPPED if "trainer" in name) | {"ppo_megatron_trainer"}
"""Those that hold a whole run."""
_SECTIONS = ("actor_rollout_ref", "data", "model.partial_pretrain")
OTHER_ENGINES = ("veomni", "torchtitan", "automodel")
"""Engines that are not modelled, as the names of verl's own files have them."""
DEFAULT_MODEL = "deepseek-ai/deepseek-llm-7b-chat"
"""`path` in model/hf_model.yaml: a folder of that name in the user's home."""


def read(values: Mapping[str, Any], context: Context) -> ReadResult:
    """The job that a file describes, or why there is none."""
    found = inherit(values, context.open)
    names = {name: posixpath.basename(name).removesuffix(".yaml") for name in found.missing}
    engine = next((word for word in OTHER_ENGINES if any(word in last for last in names.values())), None)
    megatron = any("megatron" in last for last in names.values())
    whole = any(section in found.values for section in _SECTIONS) or bool(TRAINERS & set(names.values()))
    whole = whole or context.launch is not None  # a trainer runs, however little its line says yet
    found.missing = [name for name, last in names.items() if last not in SHIPPED and "megatron" not in last]
    reader = reader_of(DIALECT, found.values, context)
    outcome: TrainingJob | Obstacle | None = found.obstacle
    if engine is not None:
        outcome = Obstacle("not-modelled", f"verl's {engine} engine is not modelled", ("defaults",))
    elif not whole:
        outcome = Obstacle("not-a-training-file", "a part of verl's configs: it has no data and no actor")
    found.report(reader, missing=engine is None)
    learns = any("ppo" in name for name in TRAINERS & set(names.values()))
    outcome = outcome or _outcome(reader, context, megatron=megatron, learns=learns)
    found.place(reader)
    return finish(DIALECT, reader, outcome)


def _outcome(reader: Reader, context: Context, *, megatron: bool, learns: bool) -> TrainingJob | Obstacle:
    """The run of the trainer whose sections the file has. `megatron`, `learns`: a file of verl's own that it
    inherits from is of Megatron's actor, or of reinforcement learning.
    """
    trainer: Callable[[Reader, Context, Model], TrainingJob | Obstacle]
    path, trainer = "model.path", fine_tuning
    if reader.has("actor_rollout_ref") or learns:
        path, trainer = f"{MODEL}.path", partial(reinforcement, megatron=megatron)
    elif reader.has("model.partial_pretrain"):
        path, trainer = "model.partial_pretrain", old_fine_tuning
    model = find_model(reader, context, path)
    if reader.get(path, text) is None and context.launch is None:  # a launch line may name it in a variable
        reader.leave_open("model", f"{path} is not set; that of verl's own file assumed")
        model = context.catalog.model(DEFAULT_MODEL) or model
    return trainer(reader, context, model) if isinstance(model, Model) else model


DIALECT = Dialect("verl", "verl", "0.9.1", KEYS, read, edits, "unchecked", assigns="always")
