"""JSON Schemas of the config dialects, and the catalogs of models and GPUs: data only.

A schema says for each key its type (as lenient as the framework's own reader), default and choices. Beside
the standard keywords:
`x-framework`, `x-version`: what it was made from; `x-string-number`: whether the framework turns `1e-5`,
which YAML 1.1 reads as a string, into
a number ("accepted" or "refused"); `x-unknown`: what becomes of a key that is not listed ("dropped",
"refused", "launcher", "open": any is legal);
`x-type`: the declared type in the framework's words; `x-enum`: choices that are not enforced; `x-plugin`:
the plugin that must be listed;
`x-alias-of`: another spelling; `x-removed` (at the root): keys that older releases had, with the last
release that did.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "dialects"


@cache
def load_schema(dialect: str) -> dict[str, Any]:
    """The JSON Schema of a dialect, by name. KeyError where there is none. Shared: do not change it."""
    file = _FOLDER / f"{dialect}.json"
    if not file.is_file():
        raise KeyError(dialect)
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


@cache
def torchtitan_configs() -> dict[str, dict[str, dict[str, Any]]]:
    """The runs of torchtitan's own config registries, by module and function: the values of their keys, and
    under "open" what of them is not read, with the reason. Shared: do not change it.
    """
    text = (_FOLDER.parent / "shipped" / "torchtitan.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, dict[str, Any]]] = json.loads(text)
    return found


@cache
def shipped_configs(framework: str) -> dict[str, dict[str, Any]]:
    """The configs that a framework ships under names of its own: the values of their keys, dotted. Of a name
    that several releases have, the first that the table lists decides. Shared: do not change it.
    """
    text = (_FOLDER.parent / "shipped" / f"{framework}.json").read_text(encoding="utf-8")
    releases: dict[str, dict[str, dict[str, Any]]] = json.loads(text)
    found: dict[str, dict[str, Any]] = {}
    for configs in releases.values():
        for name, values in configs.items():
            found.setdefault(name, values)
    return found


def names() -> tuple[str, ...]:
    """The dialects that have a schema."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.json")))


def section(dialect: str, path: tuple[str | int, ...] = ()) -> dict[str, Any] | None:
    """The schema of the value at `path`, or None where nothing is said of it. A number stands for any item
    of a list."""
    node: dict[str, Any] | None = load_schema(dialect)
    for step in path:
        if node is None:
            return None
        node = node.get("items") if isinstance(step, int) else node.get("properties", {}).get(step)
    return node


def removed_in(dialect: str, path: str) -> str | None:
    """The last release that knew the dotted key, where newer ones do not."""
    removed: dict[str, str] = load_schema(dialect).get("x-removed", {})
    return removed.get(path)


def walk(
    node: dict[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """All keys of a schema with their paths (items of a list as "[]")."""
    for name, inner in node.get("properties", {}).items():
        yield (*path, name), inner
        yield from walk(inner, (*path, name))
        if "items" in inner:
            yield from walk(inner["items"], (*path, name, "[]"))
