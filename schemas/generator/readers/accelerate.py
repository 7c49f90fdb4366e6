"""Accelerate: the keys of its launcher."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from generator.emit import NUMBER, TRUTH, WHOLE, Reader
from generator.entry import Entry, Facts, kept
from generator.trainer import TRAINER_FSDP

# no conversion: values end up in environment variables
READER = Reader(
    "refused",
    "refused",
    "dropped",
    {"bool": TRUTH, "int": WHOLE, "float": NUMBER},
    {"str": ("number", "boolean"), "bool": ("integer", "string"), "list": ("string",)},
    open_sections=("megatron_lm_config", "dynamo_config", "mpirun_config", "fp8_config", "ipex_config"),
)


def facts(folder: Path) -> Facts:
    """The launcher's keys; and, at the top, those of a file that holds FSDP options alone, which the Trainer
    reads."""
    facts = kept("accelerate")
    section = {
        key.partition(".")[2]: entry for key, entry in facts.keys.items() if key.startswith("fsdp_config.")
    }
    alone = section | {name.removeprefix("fsdp_"): entry for name, entry in section.items()}
    alone |= {name: Entry(("any",)) for name in TRAINER_FSDP}
    return replace(facts, keys=alone | facts.keys)
