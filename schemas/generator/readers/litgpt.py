"""LitGPT: the signatures of its training scripts."""

from __future__ import annotations

from pathlib import Path

from generator.emit import LAX_STRINGS, Reader
from generator.entry import Entries, Facts, join
from generator.packages import unpack
from generator.source import Source

# jsonargparse
READER = Reader(
    "accepted",
    "refused",
    "refused",
    LAX_STRINGS,
    {"str": ("number",)},
    open_sections=("data", "optimizer"),
)


VERSION = "0.5.13"


def facts(folder: Path, version: str = VERSION) -> Facts:
    """The signatures of its training scripts."""
    package = unpack("litgpt", version, folder) / "litgpt"
    keys: Entries = {}
    scripts = (
        "pretrain",
        "finetune/full",
        "finetune/lora",
        "finetune/adapter",
        "finetune/adapter_v2",
        "finetune/lora_legacy",
    )
    for script in scripts:
        source = Source([package / f"{script}.py", package / "args.py"])
        join(keys, source.parameters("setup"))
    return Facts("litgpt", version, keys)
