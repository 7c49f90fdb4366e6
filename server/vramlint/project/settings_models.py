"""Models whose facts are in the project's settings, in front of the catalog."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vramlint.catalog.config_json import read_json
from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Catalog
from vramlint.files import names_network_share
from vramlint.lazy_dataclasses import replace

LIKE = "like"
"""The key that says: the same shapes as this listed model."""
CONFIG = "config"
"""The key that names the file of the model's config.json, below the folder of the settings."""


class SettingsModels:
    """The catalog, with the models of `[tool.vramlint.models]` known too.

    A pin is `like = "meta-llama/Llama-3.1-8B"`, with any key of config.json that differs, or all of
    config.json's keys, or `parameters` alone, or `config = "FILE"`: a config.json below `folder`, that of
    the settings. Names are compared without case.
    """

    def __init__(
        self, pins: Mapping[str, Mapping[str, Any]], catalog: Catalog, folder: Path | None = None
    ) -> None:
        self._folder = folder
        self._pins = {name.lower(): pin for name, pin in pins.items()}
        self._catalog = catalog
        self._made: dict[str, Model | None] = {}

    def model(self, name: str, folder: str | None = None) -> Model | None:
        """A pinned model, else what the catalog says."""
        key = name.strip().lower()
        if key not in self._pins:
            return self._catalog.model(name, folder)
        if key not in self._made:
            self._made[key] = self._make(name.strip(), self._pins[key])
        return self._made[key]

    def nearest(self, name: str, n: int = 3) -> list[str]:
        """The ids spelled most like `name`, closest first."""
        return self._catalog.nearest(name, n)

    def from_config(self, config: Mapping[str, Any], name: str = "config") -> Model | None:
        """Facts of a model written out in a file."""
        return self._catalog.from_config(config, name)

    def _make(self, name: str, pin: Mapping[str, Any]) -> Model | None:
        own = {key: value for key, value in pin.items() if key not in (LIKE, CONFIG)}
        if isinstance(pin.get(CONFIG), str):
            own = {**(self._read(pin[CONFIG]) or {}), **own}
        other = pin.get(LIKE)
        if not isinstance(other, str):
            made = self._catalog.from_config(own, name)
            return replace(made, source="settings") if made else None
        base = self._catalog.model(other)
        if base is None:
            return None
        if not own:
            return replace(base, name=name, source=f"settings (like {base.name})")
        made = self._catalog.from_config({**base.config, "dtype": base.dtype, **own}, name)
        return replace(made, kind=base.kind, source=f"settings (like {base.name})") if made else None

    def _read(self, name: str) -> Mapping[str, Any] | None:
        """The config.json that a pin names; nothing outside the folder of the settings is read."""
        if self._folder is None or names_network_share(name):
            return None
        try:
            file = (self._folder / name).resolve()
        except (OSError, ValueError, RuntimeError):
            return None
        return read_json(file) if file.is_relative_to(self._folder.resolve()) else None


def pin_text(name: str, other: str, *, in_pyproject: bool) -> str:
    """The lines of a settings file that pin the model `name` to the shapes of `other`."""
    table = "tool.vramlint.models" if in_pyproject else "models"
    return f"\n[{table}.{json.dumps(name)}]\n{LIKE} = {json.dumps(other)}\n"


def config_pin_text(name: str, file: str, *, in_pyproject: bool) -> str:
    """The lines of a settings file that say where the config.json of the model `name` is."""
    table = "tool.vramlint.models" if in_pyproject else "models"
    return f"\n[{table}.{json.dumps(name)}]\n{CONFIG} = {json.dumps(file)}\n"
