"""torchtune: no class lists its keys; they are kept as data."""

from __future__ import annotations

from pathlib import Path

from generator.emit import Reader
from generator.entry import Facts, kept

READER = Reader("accepted", "dropped", "open", guessed=True)


def facts(folder: Path) -> Facts:
    """The kept facts."""
    return kept("torchtune")
