"""Facts about one key of a framework's configuration, and how they are kept as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

FACTS = Path(__file__).parent.parent / "facts"
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()


@dataclass(frozen=True, slots=True)
class Entry:
    """One key: `words` are "int", "float", "bool", "str", "null", "dict", "list", "any" as the annotation
    has them, and "choice" for a
    string of an enumeration; `default` MISSING if unknown. Where `choices` appear without the word "choice",
    nothing enforces them.
    """

    words: tuple[str, ...]
    default: Any = MISSING
    choices: tuple[Any, ...] = ()
    bounds: Mapping[str, float] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    deprecated: bool = False
    plugin: str | None = None


Entries = dict[str, Entry]


@dataclass(frozen=True, slots=True)
class Facts:
    """All keys of one framework (nested ones dotted, items of a list as `name[]`) and those that older
    releases had (with the last such)."""

    framework: str
    version: str
    keys: Entries
    removed: Mapping[str, str] = field(default_factory=dict)


def join(keys: Entries, more: Entries) -> None:
    """Join in `more`: a key in both takes what either accepts; a default on which they differ is none."""
    for key, other in more.items():
        one = keys.get(key, other)
        words = tuple(dict.fromkeys((*one.words, *other.words)))
        choices = (
            tuple(dict.fromkeys((*one.choices, *other.choices))) if one.choices and other.choices else ()
        )
        default = one.default if one.default == other.default else MISSING
        keys[key] = replace(one, words=words, choices=choices, default=default)


def load_facts(path: Path) -> Facts:
    """Read facts that are kept as data: `{framework, version, source, removed, keys: {name: [words,
    default?, choices?, extra?]}}`."""
    data = json.loads(path.read_text(encoding="utf-8"))
    keys = {}
    for name, row in data["keys"].items():
        words, default, choices, extra = [*row, None, None, None][:4]
        details: dict[str, Any] = extra or {}
        keys[name] = Entry(
            tuple(words.split("|")),
            MISSING if default is None else default,
            tuple(choices or ()),
            details.get("bounds", {}),
            tuple(details.get("aliases", ())),
            details.get("deprecated", False),
        )
    return Facts(data["framework"], data["version"], keys, data.get("removed", {}))


def kept(dialect: str) -> Facts:
    """Frameworks whose keys no class lists: facts kept as data beside this script."""
    return load_facts(FACTS / f"{dialect}.json")


def removed_keys(dialect: str) -> dict[str, str]:
    """Keys that a framework had once, with the release that dropped them."""
    data: dict[str, dict[str, str]] = json.loads((FACTS / "removed.json").read_text(encoding="utf-8"))
    return data[dialect]
