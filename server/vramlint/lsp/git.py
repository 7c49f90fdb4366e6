"""The committed text of a file, asked of git. Only for workspaces that their user trusts.

What a repository may configure to be run (hooks, monitors, filters, fetches) is not: commits and blobs alone
are looked up.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from vramlint.lazy_dataclasses import dataclass
from vramlint.project.git import command, environment

_PATIENCE = 5.0
_LARGEST = 1 << 21
"""Bytes; a larger file gets no estimate."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A file in the last commit: the commit's short name, and the name of the content."""

    commit: str
    blob: str


def committed(path: str) -> Committed | None:
    """The file at HEAD; None where it is not there, or there is no git."""
    file = Path(path)
    names = _git(file.parent, "rev-parse", "HEAD", f"HEAD:./{file.name}")
    found = names.decode("ascii", "replace").split() if names else []
    return Committed(found[0][:9], found[1]) if len(found) == 2 else None


def content(path: str, blob: str) -> bytes | None:
    """The content of that name; None for one that is too large."""
    folder = Path(path).parent
    size = _git(folder, "cat-file", "-s", blob)
    if size is None or int(size) > _LARGEST:
        return None
    return _git(folder, "cat-file", "blob", blob)


def _git(folder: Path, *arguments: str) -> bytes | None:
    asked = command(folder, *arguments)
    if asked is None:
        return None
    try:
        done = subprocess.run(
            asked,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
