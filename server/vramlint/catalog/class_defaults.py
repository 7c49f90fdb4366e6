"""What transformers takes for the keys that a config.json leaves out: the defaults of its config classes.

A released config.json lists what differs from the class, or everything; both mean the same model. The table
is of transformers 5.24 (schemas/class_defaults.py reads it from the package's source).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from vramlint.catalog.table import FOLDER, Table

DEPTH = 3
"""How deep configs are nested in one another: a whole, its language model, that one's text part."""

FLAT = ("hidden_size", "num_hidden_layers")
"""Keys of a language model that a whole with nested configs has in its text part."""


@cache
def _table() -> Table:
    return Table(FOLDER / "class_defaults.jsonl")


@cache
def _declared(model_type: str) -> Mapping[str, Any]:
    """The row of a config class; empty for one that transformers does not have."""
    rows = _table().mentioning(model_type) if model_type else ()
    return next((row for row in rows if row["type"] == model_type), {})


def with_defaults(config: Mapping[str, Any], depth: int = DEPTH) -> dict[str, Any]:
    """The config with its class's own values for missing keys, in nested configs too. Keys under a class's
    second name for them are there under the first one as well, whose default holds. A model type
    that transformers does not have is left alone, and so is what lies flat where its class nests it.
    """
    declared = _declared(str(config.get("model_type") or ""))
    given = dict(config)
    aliases = declared.get("aliases", {})
    for alias, name in aliases.items():
        if alias in given:
            given.setdefault(name, given[alias])
    nested = {} if any(key in given for key in FLAT) else declared.get("nested", {})
    fields = declared.get("fields", {})
    result = {**{key: value for key, value in fields.items() if aliases.get(key) not in fields}, **given}
    for key in {*nested, *(key for key in given if key.endswith("_config"))}:
        spec = nested.get(key, {})
        inner = given.get(key)
        if depth and isinstance(inner, Mapping) and "quant" not in key:
            result[key] = with_defaults({"model_type": spec.get("type", ""), **inner}, depth - 1)
        elif depth and key not in given and not spec.get("optional"):
            result[key] = with_defaults({"model_type": spec["type"], **spec["fields"]}, depth - 1)
    return result
