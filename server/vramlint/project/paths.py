"""Folders: of a path as it was given, and those that no search for files enters."""

from __future__ import annotations

import os
from types import ModuleType

SKIPPED_FOLDERS = frozenset(
    {"node_modules", "__pycache__", "site-packages", "venv", "env", "build", "dist", "wandb", "mlruns"}
)

WORKFLOWS = ".github"
"""The hidden folder in which people keep workflows, which start runs too."""


def folder_of(path: str, system: ModuleType = os.path) -> str:
    """The folder of a path, "." for a bare name. `system` is `ntpath` or `posixpath`."""
    folder: str = system.dirname(path)
    return folder or "."


def is_skipped(name: str) -> bool:
    """Whether a folder of this name holds no files that people wrote: hidden, built or downloaded."""
    return (name.startswith(".") and name != WORKFLOWS) or name in SKIPPED_FOLDERS
