"""Finds what launches a config: SkyPilot tasks and SLURM scripts of the workspace that name it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from vramlint.dialects.kit.launches import LaunchSpec, of_batch_script, of_skypilot
from vramlint.document import Document
from vramlint.files import Unreadable, read_bytes, read_text
from vramlint.project.paths import is_skipped

_SCRIPTS = (".sbatch", ".slurm", ".sh")
_TASKS = (".yaml", ".yml")
_MOST_ENTRIES = 5_000
_MOST_FILES = 200
_LARGEST = 1 << 18


class Launcher(NamedTuple):
    """A launcher and the file it stands in, as shown to the user."""

    path: str
    launch: LaunchSpec


class Launchers:
    """The launchers below one folder. The files are looked for once, and read again when they change."""

    def __init__(self, root: Path, overlay: Mapping[str, str]) -> None:
        self._root = root
        self._overlay = overlay
        self._files: list[Path] | None = None
        self._read: dict[Path, tuple[object, LaunchSpec | None]] = {}

    def of(self, file: Path) -> Launcher | None:
        """The launcher of a config; None where there is none, or several that disagree."""
        if not file.is_relative_to(self._root):
            return None
        found = [
            launcher
            for launcher in self._all()
            if _names(self._root / launcher.path, launcher.launch, file, self._root)
        ]
        asked = {(launch.gpu, launch.count, launch.nodes) for _, launch in found}
        return found[0] if len(asked) == 1 else None

    def _all(self) -> Iterator[Launcher]:
        if self._files is None:
            self._files = [file for file in _below(self._root) if self._launch(file) is not None]
        for file in self._files:
            launch = self._launch(file)
            if launch is not None:
                yield Launcher(file.relative_to(self._root).as_posix(), launch)

    def _launch(self, file: Path) -> LaunchSpec | None:
        shown = self._overlay.get(str(file))
        try:
            stat = file.stat()
        except OSError:
            return None
        stamp: object = shown if shown is not None else (stat.st_mtime_ns, stat.st_size)
        known = self._read.get(file)
        if known is None or known[0] != stamp:
            known = (stamp, _parsed(file, shown))
            self._read[file] = known
        return known[1]


def _below(root: Path) -> Iterator[Path]:
    """The files below `root` whose names a launcher can have."""
    seen = taken = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_skipped(name))
        seen += len(folders) + len(files)
        for name in sorted(files):
            file = Path(folder, name)
            if file.suffix in _SCRIPTS + _TASKS and not file.is_symlink() and _promising(file):
                taken += 1
                yield file
        if seen > _MOST_ENTRIES or taken > _MOST_FILES:
            return


def _promising(file: Path) -> bool:
    """Whether the words of a launcher stand in the file."""
    try:
        data = read_bytes(file, _LARGEST)
    except Unreadable:
        return False
    return b"#SBATCH" in data if file.suffix in _SCRIPTS else b"accelerators" in data


def _parsed(file: Path, shown: str | None) -> LaunchSpec | None:
    try:
        text = read_text(file, _LARGEST) if shown is None else shown
    except Unreadable:
        return None
    if file.suffix in _SCRIPTS:
        return of_batch_script(text)
    values = Document.parse(text, str(file)).values()
    return of_skypilot(values) if isinstance(values, Mapping) else None


def _names(launcher: Path, launch: LaunchSpec, file: Path, root: Path) -> bool:
    """Whether the launch names the file: from its own folder, from the root, or by folder and name."""
    places = [str(base) + "/" for base in (launcher.parent, root)]
    for name in launch.configs:
        parts = [part for part in name.split("/") if part not in ("", ".", "*", "~")]
        if ".." in parts or not parts:
            parts = parts[len(parts) - parts[::-1].index("..") :] if ".." in parts else []
        if any(_same("/".join(parts), str(file).removeprefix(place)) for place in places):
            return True
        if len(parts) > 1 and all(map(_same, parts[-2:], file.parts[-2:])):
            return True
    return False


def _same(written: str, name: str) -> bool:
    """Names match; a variable in the name, like lora-${SIZE}.yaml, stands for any text."""
    return fnmatchcase(name, written) if "*" in written else written == name
