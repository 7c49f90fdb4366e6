"""NeMo Automodel: the classes that sections of a recipe are made into. Compared only: no schema is made of
it.
"""

from __future__ import annotations

from pathlib import Path

from generator.entry import Entries, Facts, join
from generator.packages import unpack
from generator.source import Source

READER = None
VERSION = "0.7.0"
_SECTIONS = (
    ("components/distributed/config.py", "FSDP2Config", "distributed."),
    ("components/distributed/config.py", "DDPConfig", "distributed."),
    ("components/distributed/config.py", "MegatronFSDPConfig", "distributed."),
    ("components/_peft/lora.py", "PeftConfig", "peft."),
    ("components/training/step_scheduler.py", "StepSchedulerConfig", "step_scheduler."),
)


def facts(folder: Path, version: str = VERSION) -> Facts:
    """Its own classes; models, optimizers and losses are built of what the file names."""
    package = unpack("nemo-automodel", version, folder) / "nemo_automodel"
    keys: Entries = {}
    for path, name, prefix in _SECTIONS:
        source = Source([package / path])
        if name in source.classes:
            join(keys, source.fields(name, prefix))
    return Facts("nemo-automodel", version, keys)
