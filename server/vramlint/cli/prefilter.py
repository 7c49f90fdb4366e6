"""The bytes of a file, and a first look at them.

Most files of a repository are not training configs. Reading such a file as one costs several times what it
costs to see that the names in it are not enough for any dialect's signs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from vramlint.cli.console import Failure
from vramlint.cli.walk import is_program, is_script
from vramlint.dialects import SIGN_NAMES, detectable
from vramlint.dialects.scripting.marks import STARTS, holds_launch_lines, starts_run
from vramlint.files import Unreadable, read_bytes

STDIN = "-"
MOST_BYTES = 1 << 24
"""More is not read; a document of that size is refused anyway."""

_SIGN_NAMES = frozenset(name.encode() for name in SIGN_NAMES)
_NAMES_ONLY = bytes(
    ord("_") if chr(byte) in "_-" else byte if byte < 128 and chr(byte).isalnum() else ord(" ")
    for byte in range(256)
)
"""Leaves the names of a text, with "_" for "-"."""
_NAME = re.compile(rb"""([\w-]+)["']?\s*([:=\]]?)""")
"""A name, and what follows if it is a key of YAML, JSON or TOML. Never fails, so that it never goes back."""
_TASKS = (".yaml", ".yml")
_WIDE = (b"\xff\xfe", b"\xfe\xff")


def read(path: str) -> bytes:
    """The content of the file at `path`, or of standard input. Raises Failure where there is none."""
    if path == STDIN:
        return sys.stdin.buffer.read(MOST_BYTES)
    try:
        return read_bytes(path, MOST_BYTES)
    except Unreadable as error:
        raise Failure(f"{path}: {error}") from None


def is_text(data: bytes) -> bool:
    """Whether the content can be text: NUL bytes are in UTF-16 only."""
    return data.startswith(_WIDE) or b"\0" not in data


def could_be_config(data: bytes, path: str) -> bool:
    """Whether the content deserves to be parsed: some dialect's signs could be among its keys, or settings
    may name its dialect; of a script or a program, whether it may start a run.
    """
    if is_program(path):
        return starts_run(data)
    if is_script(path):
        return any(word in data for word in STARTS)
    named = data.startswith(_WIDE) or (_has_names(data) and _has_keys(data))
    return named or (path.endswith(_TASKS) and holds_launch_lines(data)) or _forced(path)


def _has_names(data: bytes) -> bool:
    """Whether the names of a dialect's signs are anywhere in the text: fast where the text is long."""
    return _detectable(data.translate(_NAMES_ONLY).split())


def _has_keys(data: bytes) -> bool:
    """Whether they are in its keys."""
    return _detectable(key.replace(b"-", b"_") for key, delimiter in _NAME.findall(data) if delimiter)


def _detectable(words: Iterable[bytes]) -> bool:
    return detectable({name.decode() for name in _SIGN_NAMES.intersection(words)})


def _forced(path: str) -> bool:
    """Whether some settings file above may name the dialect of this file."""
    folder = Path(path).resolve().parent
    return any(_may_name_dialects(each) for each in (folder, *folder.parents))


def _may_name_dialects(folder: Path) -> bool:
    for name in ("vramlint.toml", "pyproject.toml"):
        file = folder / name
        if file.is_file():
            text = file.read_bytes()
            if b"dialect" in text and (name == "vramlint.toml" or b"vramlint" in text):
                return True
    return False
