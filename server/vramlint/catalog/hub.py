"""Looking config.json up on the hub: only where a project turns it on, and huggingface_hub is installed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from vramlint.catalog.config_json import HUB_ID
from vramlint.catalog.facts import Model
from vramlint.catalog.models import Models

SECONDS = 5
"""How long one question may take."""


class HubModels:
    """The catalog, with the hub asked for what it does not have.

    huggingface_hub keeps what it fetched in its own cache, where the next run finds it without network. Each
    name is asked for once; no token of the user is sent.
    """

    def __init__(self, catalog: Models) -> None:
        self._catalog = catalog
        self._asked: set[str] = set()

    def model(self, name: str, folder: str | None = None) -> Model | None:
        """Facts from the catalog, else from the hub, else assumed from the name."""
        found = self._catalog.model(name, folder)
        name = name.strip()
        if (
            (found is not None and not found.spread)
            or name in self._asked
            or "/" not in name
            or not HUB_ID.fullmatch(name)
        ):
            return found
        self._asked.add(name)
        return self._catalog.model(name, folder) if _fetched(name) else found

    def nearest(self, name: str, n: int = 3) -> list[str]:
        """The ids of the catalog spelled most like `name`, closest first."""
        return self._catalog.nearest(name, n)

    def from_config(self, config: Mapping[str, Any], name: str = "config") -> Model | None:
        """Facts of a model written out in a file."""
        return self._catalog.from_config(config, name)


def _fetched(name: str) -> bool:
    """Whether the hub gave the model's config.json, which then lies in the hub's cache."""
    try:
        hub = importlib.import_module("huggingface_hub")
        hub.hf_hub_download(name, "config.json", etag_timeout=SECONDS, token=False)
    except Exception:  # not installed, no network, no such model, a gated model: nothing is known
        return False
    return True
