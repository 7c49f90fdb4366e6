"""The JSON Schema of `[tool.vramlint]` and vramlint.toml, for editors that check TOML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vramlint.project.settings import LEVELS

_TEXT: Mapping[str, Any] = {"type": "string"}
_FLAG: Mapping[str, Any] = {"type": "boolean"}
_TEXTS: Mapping[str, Any] = {"type": "array", "items": _TEXT}
_VERSIONS: Mapping[str, Any] = {"type": "object", "additionalProperties": _TEXT}
_CODES = "rule codes, prefixes of codes, or names"


def _said(schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description}


_PER_PATH: Mapping[str, Any] = {
    "gpu": _said(_TEXT, "the GPU of these files"),
    "ram": _said(_TEXT, "host memory of a node for these files"),
    "dialect": _said(_TEXT, "what these files are"),
    "versions": _said(_VERSIONS, "releases that these files are for"),
    "ignore": _said(_TEXTS, f"{_CODES} that are off in these files"),
}
PROPERTIES: Mapping[str, Mapping[str, Any]] = {
    "gpu": _said(_TEXT, 'a catalog name, a cloud machine, "24GiB x2", or "auto": ask this machine'),
    "ram": _said(_TEXT, "host memory of a node: 512GiB"),
    "dialect": _said(_TEXT, 'what every file is, or "none"; by content if not set'),
    "versions": _said(_VERSIONS, "releases whose behaviour is assumed"),
    "select": _said(_TEXTS, f"only these rules: {_CODES}; all if not set"),
    "extend-select": _said(_TEXTS, "these rules too, over less specific entries of ignore"),
    "ignore": _said(_TEXTS, f"not these rules: {_CODES}"),
    "extend-ignore": _said(_TEXTS, "not these rules either"),
    "per-file-ignores": _said(
        {"type": "object", "additionalProperties": _TEXTS}, "rules that are off, by pattern of paths"
    ),
    "exclude": _said(_TEXTS, "files and folders to skip, as in a .gitignore"),
    "respect-gitignore": _said(_FLAG, "whether to skip what .gitignore excludes"),
    "severity": _said(
        {"type": "object", "additionalProperties": {"enum": list(LEVELS)}}, "severity by code, prefix or name"
    ),
    "rules": _said(_TEXTS, "installed distributions with more rules"),
    "companions-outside-workspace": _said(_FLAG, "read files outside the workspace"),
    "versions-from": _said({"enum": ["lock"]}, "releases that are not named are those of the lock file"),
    "models": _said(
        {"type": "object", "additionalProperties": {"type": "object", "minProperties": 1}},
        "facts of models that the catalog does not have, by name",
    ),
    "hub": _said(_FLAG, "look up on the hub the models that are not known otherwise"),
    "per-path": _said(
        {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": _PER_PATH,
                "additionalProperties": False,
            },
        },
        "settings of the files that a pattern matches",
    ),
}


def settings_schema() -> dict[str, Any]:
    """The whole schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "vramlint's settings",
        "type": "object",
        "properties": {name: dict(schema) for name, schema in PROPERTIES.items()},
        "additionalProperties": False,
    }
