"""oumi: its TrainingConfig. Compared only: no schema is made of it."""

from __future__ import annotations

from pathlib import Path

from generator.entry import Facts
from generator.packages import unpack
from generator.source import Source

READER = None
VERSION = "0.9"


def facts(folder: Path, version: str = VERSION) -> Facts:
    """The sections of a training config, with what each may hold."""
    configs = unpack("oumi", version, folder) / "oumi/core/configs"
    keys = Source(sorted(configs.rglob("*.py"))).fields("TrainingConfig")
    return Facts("oumi", version, keys)
