"""The one place that opens files: regular ones only, up to a limit, never a device, pipe or network share.

A repository can hold a link to a device (`vramlint.toml -> /dev/zero`), and a folder a pipe that nobody
writes to. What a file is, is asked before it is opened, and again of what was opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

Reason: TypeAlias = Literal["missing", "not-regular", "too-large", "unreadable", "not-text"]
_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

_PIECE = 1 << 20
"""Bytes that are asked for at once where a file holds more than its size says."""

SCRIPT_SUFFIXES = (".sh", ".bash", ".zsh", ".slurm", ".sbatch", ".mk", ".just")
SCRIPT_NAMES = frozenset(("Makefile", "makefile", "GNUmakefile", "justfile", "Justfile", ".justfile"))
"""Names of files that hold shell text."""
MARKDOWN_SUFFIXES = (".md", ".markdown", ".mdx")
"""Files with shell text in fences: they are read where they are named, and not looked for in folders."""
PROGRAM_SUFFIXES = (".py", ".ipynb")


class Unreadable(Exception):
    """A file that is not read. `reason` is stable; the message is for people and names no path."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason


def read_bytes(path: str | Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes. Raises Unreadable for everything else."""
    try:
        _must_be_regular(os.stat(path))  # noqa: PTH116 (a file name may be bytes that no Path takes)
        descriptor = os.open(path, os.O_RDONLY | _NO_WAIT)
    except FileNotFoundError:
        raise Unreadable("missing", "no such file or directory") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise Unreadable("unreadable", (getattr(error, "strerror", None) or str(error)).lower()) from None
    try:
        status = os.fstat(descriptor)
        _must_be_regular(status)
        data = _read(descriptor, min(status.st_size, limit) + 1, limit)
    except OSError as error:
        raise Unreadable("unreadable", (error.strerror or str(error)).lower()) from None
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise Unreadable("too-large", f"larger than {limit:,} bytes")
    return data


def _read(descriptor: int, expected: int, limit: int) -> bytes:
    """At most one byte more than the limit. One call reads most files, and another sees that it was all."""
    data = os.read(descriptor, expected)
    if len(data) == expected - 1:
        return data
    parts = [data]
    while data and (left := limit + 1 - sum(map(len, parts))) > 0:
        data = os.read(descriptor, min(left, _PIECE))
        parts.append(data)
    return b"".join(parts)


def read_text(path: str | Path, limit: int) -> str:
    """The content of a regular UTF-8 file of at most `limit` bytes. Raises Unreadable."""
    try:
        return read_bytes(path, limit).decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("not-text", "not a UTF-8 text file") from None


def is_regular(path: str | Path) -> bool:
    """Whether the path leads to a regular file; False where that cannot be told."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116
    except (OSError, ValueError):
        return False


def lies_within(path: str | Path, folders: Sequence[str] | None) -> bool:
    """Whether a path leads below one of the folders, links followed; None: wherever it leads."""
    if folders is None:
        return True
    try:
        file = Path(path).resolve()
        return any(file.is_relative_to(Path(folder).resolve()) for folder in folders)
    except (OSError, RuntimeError, ValueError):
        return False


def names_network_share(name: str) -> bool:
    """Whether a path written in a file names another machine.

    To open `\\\\host\\share` or `//host/share` sends the user's credentials to whoever wrote the file.
    """
    return name[:2].replace("\\", "/") == "//"


def _must_be_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise Unreadable("not-regular", kind)
