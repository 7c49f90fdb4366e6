"""Reading an argument in whichever of its two spellings a launch line has it."""

from __future__ import annotations

from typing import TypeVar

from vramlint.dialects.kit.reader import Kind, Reader
from vramlint.dialects.openrlhf.keys import OLD

T = TypeVar("T")


def spelling(reader: Reader, path: str) -> str:
    """The spelling of an argument that is there, else the newest."""
    old = OLD.get(path)
    return old if old is not None and reader.has(old) and not reader.has(path) else path


def get(reader: Reader, path: str, kind: Kind[T]) -> T | None:
    """The typed value, or None where the argument is not given. Records nothing."""
    return reader.get(spelling(reader, path), kind)


def read(reader: Reader, path: str, kind: Kind[T], *default: T) -> T:
    """The typed value with its origin; where it is not given `default`, or that of the table."""
    old = OLD.get(path)
    return reader.read((path, old) if old else path, kind, *default)


def flag(reader: Reader, path: str) -> bool:
    """Whether a switch is given."""
    return reader.flag(path) or (path in OLD and reader.flag(OLD[path]))
