"""GPT-NeoX: its classes of arguments. Compared only: no schema is made of it."""

from __future__ import annotations

from pathlib import Path

from generator.entry import Entries, Facts
from generator.packages import checkout
from generator.source import Source

READER = None
VERSION = "2.0"


def facts(folder: Path, version: str = VERSION) -> Facts:
    """Every class whose name begins with NeoXArgs, as one flat file holds them."""
    arguments = checkout("gpt-neox", version, folder) / "megatron/neox_arguments"
    source = Source([arguments / "neox_args.py", arguments / "deepspeed_args.py"])
    keys: Entries = {}
    for name in sorted(source.classes):
        if name.startswith("NeoXArgs"):
            keys |= source.fields(name)
    return Facts("gpt-neox", version, keys)
