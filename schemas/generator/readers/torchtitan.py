"""torchtitan: its JobConfig."""

from __future__ import annotations

from pathlib import Path

from generator.emit import Reader
from generator.entry import Facts, removed_keys
from generator.packages import unpack
from generator.source import Source

READER = Reader("accepted", "refused", "refused", {}, {})


VERSION = "0.2.2"


def facts(folder: Path, version: str = VERSION) -> Facts:
    """The last release that reads TOML."""
    package = unpack("torchtitan", version, folder) / "torchtitan"
    keys = Source([package / "config/job_config.py"]).fields("JobConfig")
    sections = {key.partition(".")[0] for key in keys if "." in key}
    return Facts(
        "torchtitan",
        version,
        {k: e for k, e in keys.items() if k not in sections},
        removed_keys("torchtitan"),
    )
