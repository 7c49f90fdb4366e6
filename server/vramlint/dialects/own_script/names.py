"""The names under which people's own configs hold Hugging Face arguments, flat or in sections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from vramlint.dialects.kit.dialect import Key
from vramlint.dialects.trl.keys import KEYS as ARGUMENTS
from vramlint.dialects.trl.own_arguments import QUANTIZED, words
from vramlint.job import KeyPath
from vramlint.lazy_dataclasses import dataclass, field

KEYS: tuple[Key, ...] = (
    Key(
        "model_name_or_path",
        "model",
        "The model that is trained: also base_model, model_id, model.name and their like.",
    ),
    Key(
        "per_device_train_batch_size",
        "micro_batch_size",
        "Rows of one forward pass on each GPU; also batch_size beside an adapter's rank.",
    ),
    Key("gradient_accumulation_steps", "gradient_accumulation_steps", "Micro batches of a step.", 1),
    Key("max_seq_length", "sequence_length", "The most tokens of a row; also max_length and its like."),
    Key("load_in_4bit", "quantization.scheme", "Stores the frozen linears in 4 bits.", False),
    Key("load_in_8bit", "quantization.scheme", "Stores the frozen linears in 8 bits.", False),
    Key("lora_r", "adapter.r", "Rank: trains an adapter over a frozen base; also lora.r, peft.r, lora_rank."),
    Key("lora_target_modules", "adapter.targets", "Linears that get an adapter."),
    Key("gradient_checkpointing", "gradient_checkpointing", "Recomputes layers in backward.", False),
    Key("optim", "optimizer", "The optimizer, as TrainingArguments names it."),
    Key("bf16", "precision.autocast", "Layers compute in bfloat16.", False),
    Key("torch_dtype", "precision.weights", "Dtype in which the weights are loaded."),
    Key("method", "objective", "What is trained for: sft, dpo, orpo, kto; also the name of a section."),
)

MODEL_SECTIONS = ("model", "base_model", "models", "recipe", "train", "training", "sft", "")
SECTIONS = (
    *MODEL_SECTIONS,
    *("config", "trainer", "hyperparameters", "hparams", "hp", "args", "lora", "qlora", "peft", "adapter"),
    *("quantization", "quant", "bnb", "bitsandbytes", "precision", "batch", "optim", "optimizer", "dpo"),
    *("orpo", "kto", "grpo", "data", "dataset", "tokenizer", "sequence", "finetune", "finetuning"),
    "fine_tuning",
)
"""Sections that are looked into, at any depth; others are about something else, as an inference server is."""
_ENDS = re.compile(r"(?<=.)_(?:args|arguments|cfg|config|params|parameters|settings)\Z")
"""May follow the name of a section: `training_args`, `lora_config`."""
_ADAPTER = ("lora", "qlora", "peft", "adapter")
LENGTHS = (
    *("max_seq_length", "max_seq_len", "max_length", "model_max_length", "sequence_length", "seq_length"),
    *("seq_len", "cutoff_len", "context_length", "max_sequence_length"),
)
_MODELS = (
    *("model_name_or_path", "base_model", "base_model_id", "base_model_name", "model_name", "model_id"),
    *("base_id", "hf_model_id", "pretrained_model_name_or_path", "base_model_name_or_path"),
)
ACCUMULATION = ("gradient_accumulation_steps", "grad_accum", "grad_accum_steps", "gradient_accumulation")

NAMES: Mapping[str, str] = {
    **dict.fromkeys(_MODELS, "model_name_or_path"),
    "per_device_train_batch_size": "per_device_train_batch_size",
    "per_device_batch_size": "per_device_train_batch_size",
    **dict.fromkeys(ACCUMULATION, "gradient_accumulation_steps"),
    **dict.fromkeys(LENGTHS, "max_seq_length"),
    **dict.fromkeys(("lora_r", "lora_rank"), "lora_r"),
    "lora_alpha": "lora_alpha",
    "lora_dropout": "lora_dropout",
    **dict.fromkeys(("lora_target_modules", "target_modules", "lora_targets"), "lora_target_modules"),
    "use_dora": "use_dora",
    **dict.fromkeys(("load_in_4bit", "use_4bit"), "load_in_4bit"),
    **dict.fromkeys(("load_in_8bit", "use_8bit"), "load_in_8bit"),
    "bnb_4bit_quant_type": "bnb_4bit_quant_type",
    **dict.fromkeys(("bnb_4bit_use_double_quant", "use_nested_quant"), "use_bnb_nested_quant"),
    **dict.fromkeys(
        ("gradient_checkpointing", "use_gradient_checkpointing", "enable_gradient_checkpointing"),
        "gradient_checkpointing",
    ),
    "gradient_checkpointing_kwargs": "gradient_checkpointing_kwargs",
    **dict.fromkeys(("optim", "optimizer", "optimizer_name"), "optim"),
    "use_flash_attention_2": "use_flash_attention_2",
}
"""Name → the argument that it stands for, where it is not one itself."""
_ARGUMENTS = frozenset(row.path for row in ARGUMENTS if "." not in row.path)
_TRAINING = (
    *("", "train", "training", "trainer", "sft", "dpo", "kto", "orpo", "hyperparameters", "hp", "config"),
    *("args", "model", "precision", "batch", "finetuning"),
)
"""Sections in which an argument has its own name."""
_IN_MODEL = re.compile(
    r"(?:hf_|pretrained_|base_)?(?:model_)?(?:name|name_or_path|id|path|repo_id|ckpt|checkpoint)\Z|base\Z|hf_id\Z"
)
"""In a section about the model, what it is."""
IN_ADAPTER = {
    **dict.fromkeys(("r", "rank"), "lora_r"),
    "alpha": "lora_alpha",
    "dropout": "lora_dropout",
    "targets": "lora_target_modules",
}
METHODS = (
    "method",
    "algo",
    "algorithm",
    "objective",
    "task_type",
    "stage",
    "training_type",
    "fine_tune_method",
)
_SWITCHES = (
    "use_lora",
    "use_peft",
    "use_qlora",
    "lora.enabled",
    "peft.enabled",
    "lora.use_lora",
    "qlora.enabled",
)
_NOT_OF_THE_BASE = frozenset(
    {"adam", "adamw", "optim", "optimizer", "gguf", "export", "save", "merge", "merged", "output"}
)
"""Words of names that speak of the quantization of an optimizer's states or of what is written afterwards."""
_UNQUANTIZED = (False, 0, 16, 32, "", "none", "bf16", "fp16", "fp32")
"""Values that say that a base is not quantized."""
BATCHES = ("batch_size", "train_batch_size", "micro_batch_size")
_DEEPEST = 4


@dataclass(slots=True)
class Found:
    """The arguments that names stand for, where each is written, and those that two names say differently."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, KeyPath] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    methods: list[tuple[str, KeyPath]] = field(default_factory=list)
    """What the file calls its training, and the sections that are named after a method."""
    quantized: list[KeyPath] = field(default_factory=list)
    """What speaks of quantization under a name that is not known."""
    off: bool = False
    """Whether a switch says that there is no adapter."""

    def add(self, argument: str, value: Any, path: KeyPath) -> None:
        """One more name of an argument. Values of another kind than the argument's leave it open."""
        if argument in self.values and self.values[argument] != value:
            self.open.add(argument)
        self.values.setdefault(argument, value)
        self.places.setdefault(argument, path)


def collect(values: Mapping[Any, Any]) -> Found:
    """The arguments of a file, from the names at its top and in its sections."""
    found = Found()
    loose: list[tuple[Any, KeyPath]] = []
    for path, value in _leaves(values, ()):
        section, name = (_section(path[-2]) if len(path) > 1 else ""), str(path[-1])
        if value is None:
            continue
        if name in METHODS and isinstance(value, str):
            found.methods.append((value.lower(), path))
        if ".".join(map(str, path[-2:])) in _SWITCHES or name in _SWITCHES:
            found.off = found.off or value is False
        if name in BATCHES:
            loose.append((value, path))
            continue
        argument = _argument(section, name, value)
        if argument is not None:
            found.add(argument, value, path)
        spoken = _words(path)
        if value == "qlora" or ("qlora" in spoken and value):
            found.add("load_in_4bit", True, path)
        elif argument is None and _quantizes(spoken, value):
            found.quantized.append(path)
    if "per_device_train_batch_size" not in found.values and "lora_r" in found.values:
        for value, path in loose:
            found.add("per_device_train_batch_size", value, path)
    found.methods += [
        (name, (name,)) for name in values if name in ("dpo", "orpo", "kto", "grpo", "ppo", "gkd")
    ]
    return found


def _quantizes(spoken: frozenset[str], value: Any) -> bool:
    """Whether a name with these words says that the base is quantized."""
    return bool(QUANTIZED & spoken) and not _NOT_OF_THE_BASE & spoken and value not in _UNQUANTIZED


def _words(path: KeyPath) -> frozenset[str]:
    return frozenset().union(*(words(str(name)) for name in path))


def _section(key: str | int) -> str:
    """The name of a section, without what says that it is one."""
    return _ENDS.sub("", str(key).lower())


def _argument(section: str, name: str, value: Any) -> str | None:
    if section in _ADAPTER and name in IN_ADAPTER:
        return IN_ADAPTER[name]
    if section in ("model", "base_model") and _IN_MODEL.match(name):
        return "model_name_or_path" if isinstance(value, str) else None
    if name == "model" and section in MODEL_SECTIONS and isinstance(value, str):
        return "model_name_or_path"
    if name in ("precision", "mixed_precision", "dtype") and isinstance(value, str):
        return _precision(section, name, value)
    argument = NAMES.get(name) or (name if name in _ARGUMENTS and section in _TRAINING else None)
    if argument == "model_name_or_path" and section not in (*MODEL_SECTIONS, "config"):
        return None
    return argument


def _precision(section: str, name: str, value: str) -> str | None:
    if name == "dtype":
        return "torch_dtype" if section == "model" else None
    word = re.sub(r"[^a-z0-9]", "", value.lower())
    return f"_{word}" if word in ("bf16", "fp16", "bfloat16", "float16") else None


def _leaves(values: Mapping[Any, Any], above: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """The keys of a file with their values, but those of sections about something else."""
    for key, value in values.items():
        path = (*above, str(key))
        if isinstance(value, Mapping) and str(key) not in _ARGUMENTS:
            if _section(key) in SECTIONS and len(path) < _DEEPEST:
                yield from _leaves(value, path)
        else:
            yield path, value
