"""One module a framework: `facts(folder)`, its keys read from its released packages, and `READER`, what its
own reader makes of a value of another type.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any


def written() -> tuple[str, ...]:
    """The frameworks that a schema is made of; the others are compared only, release by release."""
    return tuple(name for name in names() if named(name).READER is not None)


def names() -> tuple[str, ...]:
    """The frameworks that have a module here."""
    return tuple(sorted(file.stem.replace("_", "-") for file in Path(__file__).parent.glob("[a-z]*.py")))


def named(name: str) -> Any:
    """The module of a framework."""
    return import_module(f"generator.readers.{name.replace('-', '_')}")
