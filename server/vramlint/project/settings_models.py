"""Models whose facts are in the project's settings, in front of the catalog."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vramlint.catalog.facts import Model
from vramlint.dialects.kit.dialect import Catalog
from vramlint.lazy_dataclasses import replace

LIKE = "like"
"""The key that says: the same shapes as this listed model."""


class SettingsModels:
    """The catalog, with the models of `[tool.vramlint.models]` known too.

    A pin is `like = "meta-llama/Llama-3.1-8B"`, with any key of config.json that differs, or all of
    config.json's keys, or `parameters` alone. Names are compared without case.
    """

    def __init__(self, pins: Mapping[str, Mapping[str, Any]], catalog: Catalog) -> None:
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
        own = {key: value for key, value in pin.items() if key != LIKE}
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


def pin_text(name: str, other: str, *, in_pyproject: bool) -> str:
    """The lines of a settings file that pin the model `name` to the shapes of `other`."""
    table = "tool.vramlint.models" if in_pyproject else "models"
    return f"\n[{table}.{json.dumps(name)}]\n{LIKE} = {json.dumps(other)}\n"
