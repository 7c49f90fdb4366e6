"""Keys to write, as text in the language of their file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from vramlint.dialects.kit.dialect import REMOVE, SetKey
from vramlint.document.language import Language
from vramlint.document.write import write_key, write_value
from vramlint.lint.format import key_text


def snippet(keys: Sequence[SetKey], language: Language) -> Iterator[str]:
    """Lines that a file of the language can hold as they are; keys to remove are comments, but in JSON, which
    has none.
    """
    written = [key for key in keys if key.value is not REMOVE]
    gone = [key_text(key.path) for key in keys if key.value is REMOVE]
    if language == "json":
        yield from json.dumps(_nested(written), indent=2, ensure_ascii=False).splitlines()
        yield from (f"remove {name}" for name in gone)
        return
    if language == "toml":
        for key in written:
            name = ".".join(write_key(part, language) for part in key.path)
            yield f"{name} = {write_value(key.value, language)}"
    elif language == "shell":
        yield from (f"{key_text(key.path)}: {write_value(key.value, 'yaml')}" for key in written)
    else:
        yield from _yaml(_nested(written))
    yield from (f"# remove: {name}" for name in gone)


def _nested(keys: Sequence[SetKey]) -> dict[Any, Any]:
    """The keys as one tree. An item of a list is named by its number, as there is no other way to say it."""
    tree: dict[Any, Any] = {}
    for key in keys:
        inside = tree
        for part in key.path[:-1]:
            below = inside.get(part)
            inside[part] = below = below if isinstance(below, _Tree) else _Tree()
            inside = below
        inside[key.path[-1]] = key.value
    return tree


class _Tree(dict[Any, Any]):
    """A mapping that stands for a path, not a value to write."""


def _yaml(tree: dict[Any, Any], indent: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, _Tree):
            yield f"{indent}{write_key(name, 'yaml')}:"
            yield from _yaml(value, indent + "  ")
        else:
            yield f"{indent}{write_key(name, 'yaml')}: {write_value(value, 'yaml')}"
