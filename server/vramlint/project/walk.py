"""Which files a search reads: those named, and in folders those that a config could be."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from stat import S_ISREG

from vramlint.files import MARKDOWN_SUFFIXES, PROGRAM_SUFFIXES, SCRIPT_NAMES, SCRIPT_SUFFIXES
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


_WANTED = (*SUFFIXES, *PROGRAM_SUFFIXES, *SCRIPT_SUFFIXES)


def is_wanted(name: str) -> bool:
    """Whether a file of this name is looked at in a folder."""
    return name.endswith(_WANTED) or name in SCRIPT_NAMES


_ENVIRONMENT = "pyvenv.cfg"
"""A folder with such a file holds packages that others wrote."""
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
    tops = tuple(paths)
    seen: set[str] = set()
    for top in tops:
        for file in _walk(top, wanted, passed, unread) if os.path.isdir(top) else (top,):  # noqa: PTH112
            if len(tops) == 1:
                yield file
            elif file not in seen:
                seen.add(file)
                yield file


def _walk(
    top: str,
    wanted: Callable[[str], bool],
    passed: Passed | None,
    unread: Callable[[OSError], None] | None,
) -> Iterator[str]:
    """Each folder is read once, its files before its folders. Links to folders are not followed."""
    start = "" if top == os.curdir else f"{str(Path(top)).rstrip(os.sep)}{os.sep}"
    top_folder = os.path.abspath(top)  # noqa: PTH100 (links are not followed)
    left = [(start, top_folder)]
    while left:
        start, within = left.pop()
        try:
            with os.scandir(start[:-1] or start or os.curdir) as found:
                entries = sorted(found, key=_name)
        except OSError as error:
            if unread is not None:
                unread(error)
            continue
        if within != top_folder and any(entry.name == _ENVIRONMENT for entry in entries):
            continue
        below = []
        for entry in entries:
            name = entry.name
            if _is_folder(entry):
                if not is_skipped(name) and not (passed and passed(within, name, True)):
                    below.append((f"{start}{name}{os.sep}", f"{within.rstrip(os.sep)}{os.sep}{name}"))
            elif wanted(name) and _small(entry) and not (passed and passed(within, name, False)):
                yield start + name
        left += reversed(below)


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder of this tree: a link, or on Windows a junction, leads elsewhere."""
    try:
        return entry.is_dir(follow_symlinks=False) and not getattr(entry, "is_junction", bool)()
    except OSError:
        return False


def _small(entry: os.DirEntry[str]) -> bool:
    """Whether it is a regular file of a config's size."""
    try:
        status = entry.stat()
    except OSError:
        return False
    largest = LARGEST_BYTES * (
        8 if entry.name.endswith(".ipynb") else 1
    )  # outputs and pictures are in it too
    return S_ISREG(status.st_mode) and status.st_size <= largest
