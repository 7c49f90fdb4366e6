"""What differs between two releases of a framework: keys and defaults, those that decide memory first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from generator.entry import MISSING, Entry, Facts

DIALECTS = Path(__file__).parents[2] / "server" / "vramlint" / "dialects"


def deciding(dialect: str) -> frozenset[str]:
    """The keys of a dialect's tables, read from their source without importing it."""
    found = set()
    for file in (DIALECTS / dialect.replace("-", "_")).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Key":
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
            elif isinstance(node, ast.Dict) and file.name.endswith("keys.py"):
                names = [key.value for key in node.keys if isinstance(key, ast.Constant)]
                found.update(name for name in names if isinstance(name, str) and "." in name)
    return frozenset(found)


def differences(old: Facts, new: Facts, decides: frozenset[str]) -> Iterator[str]:
    """A line for each key that came, went, or has another default or type; `decides` are marked with a star
    and come first.
    """
    lines = []
    for name in sorted({*old.keys, *new.keys}):
        said = _difference(old.keys.get(name), new.keys.get(name))
        if said:
            lines.append((name not in decides, f"{'*' if name in decides else ' '} {name}: {said}"))
    yield f"{new.framework} {old.version} to {new.version}"
    yield from (line for _, line in sorted(lines))


def _difference(old: Entry | None, new: Entry | None) -> str:
    if new is None:
        return "gone"
    if old is None:
        return "new" if new.default is MISSING else f"new, {new.default!r} by default"
    said = []
    if old.default != new.default:
        said.append(f"default {old.default!r}, now {new.default!r}")
    if set(old.words) != set(new.words):
        said.append(f"type {'|'.join(old.words)}, now {'|'.join(new.words)}")
    if set(old.choices) != set(new.choices):
        said.append(f"choices {sorted(map(str, set(old.choices) ^ set(new.choices)))} differ")
    return "; ".join(said)
