"""Unsloth's two command lines by the keys of its config: `unsloth train` and the older `unsloth-cli.py`.

Sources: unsloth_cli/config.py and options.py of unsloth 2026.10.9 (an option is a field's name);
unsloth-cli.py of its repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TRAINING = (
    *("training_type", "max_seq_length", "load_in_4bit", "batch_size", "gradient_accumulation_steps"),
    *("gradient_checkpointing", "packing"),
)
_LORA = ("lora_r", "lora_alpha", "lora_dropout", "target_modules", "use_dora")

COMMAND_KEYS: Mapping[str, str] = {
    **{name: f"training.{name}" for name in _TRAINING},
    **{name: f"lora.{name}" for name in _LORA},
}
"""Options of `unsloth train`."""
SCRIPT_KEYS: Mapping[str, str] = {
    "model_name": "model",
    "max_seq_length": "training.max_seq_length",
    "load_in_4bit": "training.load_in_4bit",
    "r": "lora.lora_r",
    "lora_alpha": "lora.lora_alpha",
    "lora_dropout": "lora.lora_dropout",
    "use_dora": "lora.use_dora",
    "use_gradient_checkpointing": "training.gradient_checkpointing",
    "per_device_train_batch_size": "training.batch_size",
    "gradient_accumulation_steps": "training.gradient_accumulation_steps",
    "packing": "training.packing",
    "optim": "optim",
}
"""Arguments of `unsloth-cli.py`; for its optimizer a config has no key."""
SCRIPT_DEFAULTS: Mapping[str, Any] = {
    "model": "unsloth/llama-3-8b",
    "training.load_in_4bit": False,
    "lora.lora_r": 16,
}
"""Where they differ from those of the command."""
