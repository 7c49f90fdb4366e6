"""Which files a search reads: those named, and in folders those that a config could be."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from stat import S_ISREG

from vramlint.files import MARKDOWN_SUFFIXES, PROGRAM_SUFFIXES, SCRIPT_NAMES, SCRIPT_SUFFIXES, is_regular
from vramlint.project.paths import is_skipped

SUFFIXES = (".yaml", ".yml", ".json", ".jsonc", ".toml")
LARGEST_BYTES = 1 << 20
"""A config is text that somebody wrote; larger files are data."""


def is_config(name: str) -> bool:
    """Whether a file's name is one that configs have."""
    return name.endswith(SUFFIXES)


def is_script(path: str) -> bool:
    """Whether a file's name is one that launch scripts have."""
    return path.endswith(SCRIPT_SUFFIXES + MARKDOWN_SUFFIXES) or os.path.basename(path) in SCRIPT_NAMES  # noqa: PTH119


def is_program(path: str) -> bool:
    """Whether a file is Python or a notebook, by its name."""
    return path.endswith(PROGRAM_SUFFIXES)


def is_wanted(name: str) -> bool:
    """Whether a file of this name is looked at in a folder."""
    return is_config(name) or is_program(name) or (is_script(name) and not name.endswith(MARKDOWN_SUFFIXES))


Passed = Callable[[str, str, bool], bool]
"""Whether an entry of an absolute folder, by name and whether it is a folder, is passed over."""


def files_in(
    paths: Iterable[str],
    wanted: Callable[[str], bool] = is_wanted,
    passed: Passed | None = None,
    unread: Callable[[OSError], None] | None = None,
) -> Iterator[str]:
    """The named files as they were named, and below each folder its candidates in the order of their names.

    Each once. Folders that cannot be read are told to `unread`.
    """
    seen = set()
    for path in paths:
        for file in _walk(path, wanted, passed, unread) if Path(path).is_dir() else (path,):
            if file not in seen:
                seen.add(file)
                yield file


def _walk(
    top: str,
    wanted: Callable[[str], bool],
    passed: Passed | None,
    unread: Callable[[OSError], None] | None,
) -> Iterator[str]:
    absolute = os.path.abspath(top)  # noqa: PTH100 (links are not followed)
    for folder, folders, names in os.walk(top, onerror=unread):
        within = os.path.normpath(os.path.join(absolute, os.path.relpath(folder, top)))  # noqa: PTH118
        start = "" if folder == os.curdir else f"{str(Path(folder)).rstrip(os.sep)}{os.sep}"
        folders[:] = sorted(
            name
            for name in folders
            if not _skipped(start, name) and not (passed and passed(within, name, True))
        )
        for name in sorted(names):
            if wanted(name) and _small(start + name) and not (passed and passed(within, name, False)):
                yield start + name


def _skipped(start: str, name: str) -> bool:
    return is_skipped(name) or is_regular(f"{start}{name}{os.sep}pyvenv.cfg")


def _small(path: str) -> bool:
    """Whether it is a regular file of a config's size."""
    try:
        status = os.stat(path)  # noqa: PTH116 (a walk makes no object of each name)
    except OSError:
        return False
    largest = LARGEST_BYTES * (8 if path.endswith(".ipynb") else 1)  # outputs and pictures are in it too
    return S_ISREG(status.st_mode) and status.st_size <= largest
