"""What commands change of the environment of what they start: `env X=1 …`, `srun --export=ALL,X=1 …`,
`docker run -e X=1 …`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import PurePosixPath
from typing import NamedTuple


class Setting(NamedTuple):
    """A variable that a word sets, by the word's index and the offsets of the value in it."""

    name: str
    word: int
    start: int
    end: int


class Changes(NamedTuple):
    """What a command sets, and of what it was started with the only names that it hands on (None: all)."""

    settings: tuple[Setting, ...]
    kept: frozenset[str] | None

    def keeps(self, name: str) -> bool:
        """Whether a variable from before is handed on."""
        return self.kept is None or name in self.kept or (self.scheduled and name.startswith("SLURM_"))

    @property
    def scheduled(self) -> bool:
        """Whether it is a scheduler's, whose own variables always reach the run (srun(1), --export)."""
        return self.kept is not None and _SCHEDULED in self.kept


_SCHEDULED = "SLURM_*"
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=")
_SEVERAL, _WHOLE = re.compile(r"[^,]+"), re.compile(r".+", re.DOTALL)
_ASSIGNING = frozenset(("env", "sudo"))
"""They take `X=1` among their own words."""
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "docker": ("-e", "--env"),
    "podman": ("-e", "--env"),
    "singularity": ("--env",),
    "apptainer": ("--env",),
    "mpirun": ("-x",),
    "mpiexec": ("-x",),
    "srun": ("--export",),
    "sbatch": ("--export",),
}
_SCHEDULERS = frozenset(("srun", "sbatch"))
_LISTING = frozenset((*_SCHEDULERS, "singularity", "apptainer"))
"""Their options take several variables with commas between."""
_CONTAINERS = frozenset(("docker", "podman"))
"""What they start sees no variable but those that they are told (docker-run(1), --env)."""


def changes(words: Sequence[str]) -> Changes:
    """What the words of a command and of those that it hands on to change of the environment. The words end
    where the program starts.
    """
    settings: list[Setting] = []
    kept: frozenset[str] | None = None
    for start, end in _commands(words):
        found, inherited = _of_command(words, start, end)
        if inherited is not None:
            settings = [each for each in settings if each.name in inherited]
            kept = inherited if kept is None else kept & inherited
        settings += found
    return Changes(tuple(settings), kept)


def _commands(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The ranges of words of each command in turn that has a say."""
    names = [PurePosixPath(word).name for word in words]
    starts = [index for index, name in enumerate(names) if name in _OPTIONS or name in _ASSIGNING]
    yield from pairwise([*starts, len(words)])


def _of_command(words: Sequence[str], start: int, end: int) -> tuple[list[Setting], frozenset[str] | None]:
    name = PurePosixPath(words[start]).name
    if name in _ASSIGNING:
        bare = name == "env" and any(
            word in ("-i", "-", "--ignore-environment") for word in words[start + 1 : end]
        )
        return list(_assigned(words, range(start + 1, end))), frozenset() if bare else None
    found: list[Setting] = []
    named: set[str] = set()
    told = False
    for index, offset in _values(words, start + 1, end, _OPTIONS[name]):
        told = True
        for first, last in _items(words[index], offset, name in _LISTING):
            match = _ASSIGNMENT.match(words[index], first, last)
            if match:
                found.append(Setting(match[1], index, match.end(), last))
            else:
                named.add(words[index][first:last])
    if name in _CONTAINERS:
        return found, frozenset(named)
    if name in _SCHEDULERS and told and "ALL" not in named:
        return found, frozenset((*named, _SCHEDULED))
    return found, None


def _assigned(words: Sequence[str], indices: range) -> Iterator[Setting]:
    for index in indices:
        if match := _ASSIGNMENT.match(words[index]):
            yield Setting(match[1], index, match.end(), len(words[index]))


def _values(
    words: Sequence[str], start: int, end: int, options: tuple[str, ...]
) -> Iterator[tuple[int, int]]:
    """Where the values of options start: the word, and the offset in it."""
    for index in range(start, end):
        word = words[index]
        for option in options:
            if word == option and index + 1 < end:
                yield index + 1, 0
            elif option.startswith("--") and word.startswith(f"{option}="):
                yield index, len(option) + 1
            elif not option.startswith("--") and _ASSIGNMENT.match(word, len(option)) and word[:2] == option:
                yield index, len(option)


def _items(word: str, start: int, several: bool) -> Iterator[tuple[int, int]]:
    """The offsets of the variables in a value."""
    for match in (_SEVERAL if several else _WHOLE).finditer(word, start):
        yield match.span()
