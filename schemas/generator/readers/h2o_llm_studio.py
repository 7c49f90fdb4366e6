"""H2O LLM Studio: the config of causal language modelling. Compared only: no schema is made of it."""

from __future__ import annotations

from pathlib import Path

from generator.entry import Facts
from generator.packages import checkout
from generator.source import Source

READER = None
VERSION = "1.14"


def facts(folder: Path, version: str = VERSION) -> Facts:
    """The sections of an experiment."""
    configs = checkout("h2o-llm-studio", version, folder) / "llm_studio/python_configs"
    files = ("base.py", "text_causal_language_modeling_config.py")
    return Facts(
        "h2o-llm-studio", version, Source(configs / name for name in files).fields("ConfigProblemBase")
    )
