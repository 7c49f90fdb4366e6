"""Finds what launches a config: tasks, batch and shell scripts, Makefiles of the workspace that name it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from vramlint.dialects.kit.launch_spec import LaunchSpec, of_run
from vramlint.dialects.kit.run import Run
from vramlint.document import Document
from vramlint.files import SCRIPT_NAMES, Unreadable, read_bytes, read_text
from vramlint.lazy_dataclasses import replace
from vramlint.project.paths import is_skipped

_SCRIPTS = (".sbatch", ".slurm", ".sh", ".bash", ".mk")
_TASKS = (".yaml", ".yml")
_MOST_ENTRIES = 5_000
_MOST_FILES = 200
_LARGEST = 1 << 18


_COMMANDS = ("accelerate", "torchrun", "torch.distributed", "deepspeed", "llamafactory-cli", "axolotl ")
"""One of them is in every launch line that says something which its config does not."""
_IN_SCRIPTS = tuple(command.encode() for command in _COMMANDS)
_ENDINGS = (b".yaml", b".yml", b".toml", b".json")
"""A launcher that names a config says one of them."""


class Launcher(NamedTuple):
    """A launcher and the file it is in, as shown to the user; `run` is its line where one is known."""

    path: str
    launch: LaunchSpec
    run: Run | None = None


class Launchers:
    """The launchers below one folder. The files are looked for once, and read again when they change."""

    def __init__(self, root: Path, overlay: Mapping[str, str]) -> None:
        self._root = root
        self._overlay = overlay
        self._files: list[Path] | None = None
        self._read: dict[Path, tuple[object, tuple[Launcher, ...]]] = {}

    def of(self, file: Path) -> Launcher | None:
        """The launcher of a config; None where there is none, or several that disagree."""
        if not file.is_relative_to(self._root):
            return None
        return agreed([each for each in self._all() if _names(each, file, self._root)])

    def _all(self) -> Iterator[Launcher]:
        if self._files is None:
            self._files = [file for file in _below(self._root) if self._launches(file)]
        for file in self._files:
            yield from self._launches(file)

    def _launches(self, file: Path) -> tuple[Launcher, ...]:
        shown = self._overlay.get(str(file))
        try:
            stat = file.stat()
        except OSError:
            return ()
        stamp: object = shown if shown is not None else (stat.st_mtime_ns, stat.st_size)
        known = self._read.get(file)
        if known is None or known[0] != stamp:
            known = (stamp, tuple(_parsed(file, shown, file.relative_to(self._root).as_posix())))
            self._read[file] = known
        return known[1]


def starts_something(text: str) -> bool:
    """Whether text may hold a launch line: a look that costs next to nothing."""
    return any(command in text for command in _COMMANDS)


def agreed(found: list[Launcher]) -> Launcher | None:
    """What several launchers of one config say together: None where they ask for different hardware, without
    a line where they name different engines.
    """
    if not found:
        return None
    asked = [(each.launch.gpu, each.launch.count, each.launch.nodes) for each in found]
    kinds, counts, nodes = (
        {value for value in column if value is not None} for column in zip(*asked, strict=True)
    )
    if max(len(kinds), len(counts), len(nodes)) > 1:
        return None
    said = sorted(found, key=lambda each: (each.launch.gpu is None, each.launch.count is None))
    first = said[0]
    spec = replace(first.launch, count=next(iter(counts), None), nodes=next(iter(nodes), None))
    runs = {_engine(each.run): each for each in reversed(found) if each.run is not None}
    run = next(iter(runs.values())) if len(runs) == 1 else None
    return Launcher(run.path if run else first.path, spec, run.run if run else None)


def _engine(run: Run | None) -> object:
    """What distinguishes the engines of two lines."""
    if run is None:
        return None
    launch = run.launch
    options = sorted((key, str(given.value)) for key, given in launch.engine.items())
    return launch.may_hide_engine, launch.engine_file and launch.engine_file.value, tuple(options)


def _below(root: Path) -> Iterator[Path]:
    """The files below `root` whose names a launcher can have."""
    seen = taken = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_skipped(name))
        seen += len(folders) + len(files)
        for name in sorted(filter(_may_launch, files)):
            file = f"{folder}/{name}"
            if not os.path.islink(file) and _promising(file):  # noqa: PTH114
                taken += 1
                yield Path(file)
        if seen > _MOST_ENTRIES or taken > _MOST_FILES:
            return


def _may_launch(name: str) -> bool:
    return name.endswith(_SCRIPTS + _TASKS) or name in SCRIPT_NAMES


def _is_script(file: Path) -> bool:
    return file.suffix in _SCRIPTS or file.name in SCRIPT_NAMES


def _promising(file: str) -> bool:
    """Whether the words of a launcher are in the file; a path as text, since most are only looked at."""
    try:
        data = read_bytes(file, _LARGEST)
    except Unreadable:
        return False
    if not any(ending in data for ending in _ENDINGS):
        return False  # names no config
    if file.endswith(_TASKS):
        return b"accelerators" in data
    return b"#SBATCH" in data or any(command in data for command in _IN_SCRIPTS)


def _parsed(file: Path, shown: str | None, path: str) -> Iterator[Launcher]:
    """The launches of a file, one a line that starts a run; and what the file says as a whole."""
    # Late: few workspaces hold a launch line.
    from vramlint.dialects.kit.launches import of_batch_script, of_skypilot
    from vramlint.dialects.launching.lines import runs_in

    try:
        text = read_text(file, _LARGEST) if shown is None else shown
    except Unreadable:
        return
    whole: LaunchSpec | None
    if _is_script(file):
        whole = of_batch_script(text)
        body = text
    else:
        values = Document.parse(text, str(file)).values()
        whole = of_skypilot(values) if isinstance(values, Mapping) else None
        body = str(values.get("run") or "") if whole else ""
    for run in runs_in(body, path) if whole or _is_script(file) else ():
        yield Launcher(path, of_run(run, whole), run)
    if whole is not None:
        yield Launcher(path, whole)


def _names(launcher: Launcher, file: Path, root: Path) -> bool:
    """Whether the launch names the file: from its own folder, from the root, or by folder and name."""
    places = [str(base) + "/" for base in ((root / launcher.path).parent, root)]
    for name in launcher.launch.configs:
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
