"""A first look at the bytes of a file.

Most files of a repository are not training configs. Reading such a file as one costs several times what it
costs to see that the names in it are not enough for any dialect's signs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import lru_cache

from vramlint.dialects import SIGN_NAMES, detectable
from vramlint.dialects.scripting.marks import STARTS, holds_launch_lines, starts_run
from vramlint.files import Unreadable, read_bytes
from vramlint.project.walk import is_program, is_script

SETTINGS_FILES = ("vramlint.toml", "pyproject.toml")
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
    return _names_a_dialect(frozenset(_SIGN_NAMES.intersection(words)))


@lru_cache(maxsize=4096)
def _names_a_dialect(names: frozenset[bytes]) -> bool:
    """Files of one kind hold the same names: most repositories have few kinds."""
    return detectable({name.decode() for name in names})


def _forced(path: str) -> bool:
    """Whether some settings file above may name the dialect of this file."""
    return _forced_in(os.path.abspath(os.path.dirname(path)))  # noqa: PTH100, PTH120


def forget() -> None:
    """Look at the settings files again."""
    _forced_in.cache_clear()
    _forced_below.cache_clear()


@lru_cache(maxsize=4096)
def _forced_in(folder: str) -> bool:
    return _forced_below(os.path.realpath(folder))


@lru_cache(maxsize=4096)
def _forced_below(folder: str) -> bool:
    """The same of all files of a folder: asked once a folder, whatever is in it."""
    above = os.path.dirname(folder)  # noqa: PTH120
    return _may_name_dialects(folder) or (above != folder and _forced_below(above))


def _may_name_dialects(folder: str) -> bool:
    for name in SETTINGS_FILES:
        try:
            text = read_bytes(f"{folder}{os.sep}{name}", MOST_BYTES)
        except Unreadable:
            continue
        if b"dialect" in text and (name == "vramlint.toml" or b"vramlint" in text):
            return True
    return False
