"""LLM Foundry: its TrainConfig, and the shape of an MPT model. Compared only: no schema is made of it."""

from __future__ import annotations

from pathlib import Path

from generator.entry import Facts
from generator.packages import unpack
from generator.source import Source

READER = None
VERSION = "0.22.0"


def facts(folder: Path, version: str = VERSION) -> Facts:
    """The keys of a training YAML, with those of `model` where it is an MPT."""
    package = unpack("llm-foundry", version, folder) / "llmfoundry"
    keys = Source([package / "utils/config_utils.py"]).fields("TrainConfig")
    model = Source([package / "models/mpt/configuration_mpt.py"])
    keys |= model.parameters("__init__", "model.", "MPTConfig")
    return Facts("llm-foundry", version, keys)
