"""LLaMA-Factory: its argument classes."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

from generator.emit import OMEGACONF_STRINGS, Reader
from generator.entry import Facts, join, kept
from generator.packages import unpack
from generator.source import Source, last_name
from generator.trainer import trainer_files, with_optimizers

# OmegaConf reads 1e-5 as a number; HfArgumentParser.parse_dict converts nothing
READER = Reader(
    "accepted",
    "refused",
    "open",
    OMEGACONF_STRINGS,
    {"str": ("number",), "list": ("string",), "int": ("boolean",), "bool": ("integer",)},
)


UNCHECKED = (
    "quantization_method",
    "mixture_of_depths",
    "badam_mode",
    "export_device",
    "init_special_tokens",
    "reward_model_type",
)
"""Choices that LLaMA-Factory never checks: its files go through `parse_dict`, which looks at no choices, and
the code compares for equality without an else (0.9.5, `model/model_utils/quantization.py`, `model/loader.py`,
`train/trainer_utils.py`).
"""


VERSION = "0.9.5"


def facts(folder: Path, version: str = VERSION) -> Facts:
    """The five argument classes over the newest transformers it admits, and those of its second engine."""
    package = unpack("llamafactory", version, folder) / "llamafactory"
    trainer = trainer_files(unpack("transformers", "5.6.0", folder))
    base = Source(trainer)
    keys = with_optimizers(base.fields("Seq2SeqTrainingArguments"), base)
    source = Source([*sorted((package / "hparams").glob("*.py")), package / "extras/constants.py"])
    groups = (
        "ModelArguments",
        "DataArguments",
        "FinetuningArguments",
        "GeneratingArguments",
        "TrainingArguments",
    )
    for group in groups:
        keys |= source.fields(group)
    second = Source(
        [*sorted((package / "v1/config").glob("*.py")), *sorted((package / "v1/utils").glob("types.py"))]
    )
    for group in ("ModelArguments", "DataArguments", "TrainingArguments", "SampleArguments"):
        join(keys, second.fields(group))
    listed = _split_arguments(source)
    keys = {key: replace(e, words=(*e.words, "list")) if key in listed else e for key, e in keys.items()}
    # With USE_MCA=1 the arguments are those of mcore_adapter too (hparams/parser.py, _parse_train_mca_args).
    keys = kept("mcore-adapter").keys | keys
    for name in UNCHECKED:
        keys[name] = replace(keys[name], words=("str",))
    return Facts("llamafactory", version, keys)


def _split_arguments(source: Source) -> set[str]:
    """Keys that `split_arg` turns into a list, which therefore may be one already."""
    calls = [n for node in source.classes.values() for n in ast.walk(node) if isinstance(n, ast.Call)]
    return {last_name(c.args[0]) for c in calls if last_name(c.func) == "split_arg" and c.args}
