"""The files that read others: a config its DeepSpeed file, a launch script its config, a program its YAML."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from vramlint.cli.console import complain_unread
from vramlint.cli.report import FileReport
from vramlint.files import Unreadable, read_bytes
from vramlint.project.walk import files_in

_LARGEST = 1 << 20
_STEPS = 2
"""From a file to its users and to theirs."""


def possible_users(named: Sequence[str]) -> list[str]:
    """The files below the current folder that mention one of those named by its base name, or mention such a
    file: a launch script names a config, which names its DeepSpeed file.
    """
    found: list[str] = []
    seen = {Path(path).resolve() for path in named}
    sought: Sequence[str] = named
    for _ in range(_STEPS):
        names = {Path(path).name.encode() for path in sought}
        sought = [
            path
            for path in files_in(["."], unread=complain_unread)
            if Path(path).resolve() not in seen and _mentions(path, names)
        ]
        if not sought:
            break
        found += sought
        seen |= {Path(path).resolve() for path in sought}
    return found


def _mentions(path: str, names: Collection[bytes]) -> bool:
    try:
        data = read_bytes(path, _LARGEST)
    except Unreadable:
        return False
    return any(name in data for name in names)


def reads_any(report: FileReport, named: Collection[str]) -> bool:
    """Whether a file reads one of those named."""
    names = {Path(path).name for path in named}
    return any(Path(each).name in names for each in report.companions)
