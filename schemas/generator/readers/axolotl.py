"""Axolotl: pydantic models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from generator.emit import LAX_STRINGS, Reader
from generator.entry import Entries, Facts
from generator.packages import unpack
from generator.source import Source

# pydantic in lax mode
READER = Reader(
    "accepted",
    "dropped",
    "dropped",
    LAX_STRINGS,
    {"int": ("boolean",), "float": ("boolean",), "bool": ("number",)},
)


VERSION, OLDER = "0.21.0", "0.19.0"


def facts(folder: Path, version: str = VERSION) -> Facts:
    """Its pydantic model, and the models of its plugins (whose keys exist only where the plugin is
    listed)."""
    keys = _keys(unpack("axolotl", version, folder) / "axolotl")
    older = _keys(unpack("axolotl", OLDER, folder) / "axolotl")
    removed = {key: OLDER.rpartition(".")[0] for key in older if key not in keys}
    return Facts("axolotl", version, keys, removed)


def _keys(package: Path) -> Entries:
    schemas = sorted((package / "utils/schemas").glob("*.py"))
    source = Source(schemas)
    keys = source.fields("AxolotlInputConfig")
    keys |= {key: replace(keys[key], deprecated=True) for key in source.fields("DeprecatedParameters")}
    for path in sorted((package / "integrations").glob("*/args.py")):
        source = Source([path])
        nested = {held for owner in source.classes for held in source.held(owner)}
        for name in source.classes:
            if name.endswith(("Args", "SwanLabConfig")) and name not in nested:
                for key, entry in source.fields(name).items():
                    keys.setdefault(key, replace(entry, plugin=path.parent.name))
    for key in [
        key for key in keys if key.startswith("fsdp_config.") and not key.startswith("fsdp_config.fsdp_")
    ]:
        alias = f"fsdp_{key.partition('.')[2]}"
        keys[key] = replace(keys[key], aliases=(*keys[key].aliases, alias))
    # The diffusion plugin takes a share of the run before anything is checked (its plugin.py
    # of 0.21); that nothing else does is a row of the dialect's refusals.
    steps = keys["warmup_steps"]
    keys["warmup_steps"] = replace(steps, words=("float", *steps.words))
    return keys
