"""Which files a search passes over: what .gitignore files of a repository and the settings exclude.

Patterns are those of .gitignore. `pathspec` is imported where there are any.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from vramlint.files import Unreadable, read_text
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.project.glob import is_pattern
from vramlint.project.settings import SettingsResolver

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_LARGEST = 1 << 20
Rules: TypeAlias = "tuple[tuple[str, GitIgnoreSpec], ...]"
"""Folders with what is excluded below them; the innermost last."""


@dataclass(slots=True)
class Ignored:
    """Answers for one search. `exclude` are patterns of the command line, seen from the folder `here`."""

    settings: SettingsResolver
    exclude: tuple[str, ...] = ()
    here: str = field(default_factory=os.getcwd)
    gitignore: bool = True
    _gitignores: dict[str, Rules] = field(default_factory=dict)
    _excludes: dict[str, Rules] = field(default_factory=dict)
    _repositories: set[str] = field(default_factory=set)
    """Folders that are in a repository."""

    def __call__(self, folder: str, name: str, is_folder: bool) -> bool:
        """Whether the entry `name` of an absolute folder is passed over."""
        ignored, excluded = self._gitignored(folder), self._excluded(folder)
        if not ignored and not excluded:
            return False
        path = f"{folder.rstrip(os.sep)}{os.sep}{name}{os.sep if is_folder else ''}"
        return _decided(ignored, path) or _decided(excluded, path)

    def holds_for(self, path: str) -> bool:
        """Whether a file that was named is passed over, by itself or with a folder above it."""
        folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100
        if self(folder, name, False):
            return True
        above, base = os.path.split(folder)
        while base:
            if self(above, base, True):
                return True
            above, base = os.path.split(above)
        return False

    def _gitignored(self, folder: str) -> Rules:
        """The .gitignore files from the root of the repository down to the folder; none outside of one."""
        if not self.gitignore:
            return ()
        if folder not in self._gitignores:
            above = os.path.dirname(folder)  # noqa: PTH120
            is_root = os.path.exists(os.path.join(folder, ".git"))  # noqa: PTH110, PTH118
            inherited = () if is_root or above == folder else self._gitignored(above)
            inside = is_root or above in self._repositories
            own = _read(folder) if inside else []
            self._gitignores[folder] = (*inherited, *_rules(folder, own))
            if inside:
                self._repositories.add(folder)
        return self._gitignores[folder]

    def _excluded(self, folder: str) -> Rules:
        """What settings and command line exclude in a folder."""
        if folder not in self._excludes:
            settings = self.settings.for_file(os.path.join(folder, "-"))  # noqa: PTH118
            base = os.path.dirname(os.path.abspath(settings.source)) if settings.source else folder  # noqa: PTH100, PTH120
            found = (*_rules(base, settings.exclude), *_rules(self.here, self.exclude))
            self._excludes[folder] = found
        return self._excludes[folder]


def _read(folder: str) -> Sequence[str]:
    try:
        return read_text(os.path.join(folder, ".gitignore"), _LARGEST).splitlines()  # noqa: PTH118
    except Unreadable:
        return ()


def _rules(folder: str, patterns: Iterable[str]) -> Rules:
    lines = [line for line in patterns if line.strip()]
    if not lines:
        return ()
    from pathspec import GitIgnoreSpec  # imported late: many folders have no patterns

    try:
        return ((folder, GitIgnoreSpec.from_lines(lines)),)
    except ValueError:
        usable = [line for line in lines if is_pattern(line)]
        return ((folder, GitIgnoreSpec.from_lines(usable)),)


def _decided(rules: Rules, path: str) -> bool:
    """What the innermost rules that know the path say."""
    for folder, spec in reversed(rules):
        start = folder.rstrip(os.sep) + os.sep
        if path.startswith(start):
            said = spec.check_file(path[len(start) :].replace(os.sep, "/")).include
            if said is not None:
                return said
    return False
