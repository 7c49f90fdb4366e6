"""A script that loads its model with Unsloth, by the keys of Unsloth's own config.

Sources: unsloth 2026.10.9, models/rl.py (defaults of the patched configs, the batch raised to the
completions of a prompt), models/loader.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from vramlint.dialects.kit.run import Given
from vramlint.dialects.scripting.classes import UNSLOTH_PARTS
from vramlint.dialects.scripting.given import Facts, as_value
from vramlint.lazy_dataclasses import replace

_PATCHED: Mapping[str, object] = {
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 2,
    "optim": "adamw_8bit",
    "num_generations": 8,
}
"""Defaults of the configs of TRL once Unsloth has patched them."""
_PLAIN: Mapping[str, object] = {
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "optim": "adamw_torch_fused",
}
_LENGTHS = ("max_length", "max_seq_length")


def unsloth_arguments(found: Facts, *, patched: bool, objective: str) -> Facts:
    """The same with what Unsloth makes of it."""
    arguments = dict(found)
    place = arguments["unsloth"].place
    for name, default in (_PATCHED if patched else _PLAIN).items():
        if name != "num_generations" or objective == "grpo":
            arguments.setdefault(name, Given(default, place, "implied"))
    if as_value(arguments, "full_finetuning"):
        arguments["load_in_4bit"] = replace(arguments["full_finetuning"], value=False)
    if objective == "grpo":
        _raised(arguments)
    arguments["length"] = _length(arguments, objective)
    return arguments


def _raised(arguments: Facts) -> None:
    """GRPO: a batch that holds no whole number of groups is raised to one group."""
    batch, steps, group = (
        as_value(arguments, name)
        for name in ("per_device_train_batch_size", "gradient_accumulation_steps", "num_generations")
    )
    numbers = isinstance(batch, int) and isinstance(steps, int) and isinstance(group, int)
    if numbers and group > 0 and batch * steps % group:
        arguments["per_device_train_batch_size"] = replace(
            arguments["num_generations"], how="implied", why=""
        )


def _length(arguments: Facts, objective: str) -> Given:
    """The trainer's own length, at most that of the model; GRPO fills the latter."""
    loaded = arguments.pop("unsloth_length", None)
    default = arguments.pop("unsloth_default_length", None)
    own = next((arguments[name] for name in _LENGTHS if name in arguments), None)
    if own is not None and own.value is None and not own.why:
        own = None
    if objective == "grpo" or own is None:
        found = loaded or default
        return found if found is not None else Given(None, arguments["unsloth"].place, why="not known here")
    if loaded is None or own.value is None or loaded.value is None:
        return own
    return own if own.value < loaded.value else loaded


KEYS: Mapping[str, str] = {
    "model_name_or_path": "model",
    "load_in_4bit": "training.load_in_4bit",
    "length": "training.max_seq_length",
    "per_device_train_batch_size": "training.batch_size",
    "gradient_accumulation_steps": "training.gradient_accumulation_steps",
    "packing": "training.packing",
    "lora_r": "lora.lora_r",
    "lora_alpha": "lora.lora_alpha",
    "lora_dropout": "lora.lora_dropout",
    "lora_target_modules": "lora.target_modules",
    "use_dora": "lora.use_dora",
    **{name: f"lora.{name}" for name in UNSLOTH_PARTS},
    "optim": "optim",
}
"""Keys of a recipe by their names in the config of Unsloth's command line, which has no key for `optim`: its
value is the trainer's, and the name says where it is decided.
"""


def as_config(arguments: Facts) -> Facts:
    """The arguments by the keys of Unsloth's own config."""
    found = {key: arguments[name] for name, key in KEYS.items() if name in arguments}
    place = arguments["unsloth"].place
    adapter = arguments.get("use_peft")
    kind = "lora" if adapter is not None else "full"
    found["training.training_type"] = replace(adapter or Given(True, place), value=kind)
    checkpoints = arguments.get("gradient_checkpointing")
    if checkpoints is not None:
        word = {True: "true", False: "none", None: None}.get(checkpoints.value, "unsloth")
        found["training.gradient_checkpointing"] = replace(checkpoints, value=word)
    return found


def unread(arguments: Facts, objective: str) -> str | None:
    """What of a run the model of Unsloth's command line does not cover; None where it covers all."""
    said = {
        f"the method {objective} under Unsloth is not modelled": objective not in ("sft", "pretrain"),
        "8-bit weights under Unsloth are not modelled": bool(as_value(arguments, "load_in_8bit")),
        "vLLM beside the training is not modelled": bool(as_value(arguments, "fast_inference")),
        "modules that are trained whole under Unsloth are not modelled": _whole_modules(arguments),
    }
    return next((why for why, holds in said.items() if holds), None)


def _whole_modules(arguments: Facts) -> bool:
    """Whether the embedding or the head is trained, which Unsloth does whole and not by an adapter."""
    targets = as_value(arguments, "lora_target_modules") or ()
    return bool(as_value(arguments, "lora_modules_to_save")) or any(
        name in targets for name in ("embed_tokens", "lm_head") if not isinstance(targets, str)
    )
