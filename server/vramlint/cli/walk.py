"""Which files a command reads: those named, and in folders those that a config could be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from vramlint.project.paths import is_skipped

SUFFIXES = (".yaml", ".yml", ".json", ".jsonc", ".toml")
LARGEST_BYTES = 1 << 20
"""A config is text that somebody wrote; larger files are data."""


def files_in(paths: Iterable[str]) -> Iterator[str]:
    """The named files as they were named, and below each folder its candidates in the order of their names.

    Each once.
    """
    seen = set()
    for path in paths:
        for file in _walk(path) if Path(path).is_dir() else (path,):
            if file not in seen:
                seen.add(file)
                yield file


def _walk(top: str) -> Iterator[str]:
    for folder, folders, names in os.walk(top):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not _skipped(here / name))
        yield from (
            str(here / name) for name in sorted(names) if name.endswith(SUFFIXES) and _small(here / name)
        )


def _skipped(folder: Path) -> bool:
    return is_skipped(folder.name) or (folder / "pyvenv.cfg").exists()


def _small(path: Path) -> bool:
    try:
        return path.stat().st_size <= LARGEST_BYTES
    except OSError:
        return False
