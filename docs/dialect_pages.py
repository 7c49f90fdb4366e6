"""The pages docs/dialects/NAME.md, from the dialects' tables and notes.md; `scripts/generate` writes them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from vramlint.dialects import REGISTRY, Entry
from vramlint.dialects.kit.dialect import UNSET, Dialect, Key

_ROLES = {
    "training": "A file of this dialect describes a run, and is estimated on its own.",
    "companion": "A file of this dialect is estimated with the config that names it or that it launches.",
    "launcher": "A file of this dialect starts runs: it gives the GPUs and names the config.",
}
_SUPPORT = {
    "full": "All keys that decide memory are read.",
    "recognised": "Other keys may decide memory too: a run is estimated only if its file has enough of them.",
}
_UNKNOWN = {
    "unchecked": "The table has only the keys that decide memory: no key is reported as unknown.",
    "dropped": "The framework silently drops unknown keys: a misspelt key has no effect.",
    "refused": "The framework refuses unknown keys: a misspelt key stops the run at its start.",
}


def page(entry: Entry) -> str:
    """The page of one dialect."""
    dialect = entry.load()
    parts = [
        f"# {dialect.title}",
        "`scripts/generate` writes this page from the dialect's table.",
        f"`{dialect.name}`, as of release {dialect.version}. {_ROLES[dialect.role]}"
        + (f" {_SUPPORT[entry.support]}" if dialect.role == "training" else ""),
        f"## Unknown keys\n\n{_UNKNOWN[dialect.unknown_keys]}",
        "## Keys that decide memory\n\n" + "\n".join(_rows(dialect)),
        *_removed(dialect),
        *_notes(entry),
    ]
    return "\n\n".join(parts) + "\n"


def pages() -> dict[str, str]:
    """All pages, by the dialect's name."""
    return {entry.name: page(entry) for entry in REGISTRY}


def _rows(dialect: Dialect) -> Iterator[str]:
    yield "| key | decides | default | effect on memory |"
    yield "|---|---|---|---|"
    for key in dialect.keys:
        yield f"| `{key.path}` | {_code(key.field)} | {_default(key)} | {_cell(_effect(key))} |"


def _effect(key: Key) -> str:
    choices = ", ".join(f"`{_plain(choice)}`" for choice in key.choices if choice is not None)
    boolean = set(key.choices) <= {True, False, None}
    since = f" Since {key.since}." if key.since else ""
    others = "".join(f" `{_plain(other.default)}` {other}." for other in key.by_release)
    return key.effect + ("" if boolean or not choices else f" One of {choices}.") + since + others


def _default(key: Key) -> str:
    if key.default is UNSET:
        return "see the effect"
    return "unset" if key.default is None else f"`{_plain(key.default)}`"


def _removed(dialect: Dialect) -> Iterator[str]:
    if dialect.renamed:
        rows = [f"| `{old.path}` | {old.removed_in} | {_code(old.replacement)} |" for old in dialect.renamed]
        yield "\n".join(["## Removed keys", "", "| key | removed in | instead |", "|---|---|---|", *rows])


def _notes(entry: Entry) -> Iterator[str]:
    """What is written by hand beside the dialect's code: what releases changed, and what is not modelled."""
    file = Path(str(import_module(f"vramlint.dialects.{entry.module}").__file__)).with_name("notes.md")
    if file.is_file():
        yield file.read_text(encoding="utf-8").rstrip()


def _code(name: str | None) -> str:
    return f"`{name}`" if name else "–"


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
