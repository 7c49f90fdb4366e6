"""Which faults are tried: as many of each room, and in each as many of every family, drawn by a seed."""

from __future__ import annotations

from pathlib import Path
from random import Random

from mutants.operators import FAMILIES, Mutant, mutants

PACKAGE = Path("server") / "vramlint"
ROOMS = ("dialects", "memory", "lint", "lsp")


def drawn(root: Path, seed: int, size: int) -> list[Mutant]:
    """A sample of the project at `root`: the same for one seed and one state of the code."""
    return [each for room in ROOMS for each in _of_room(root, room, seed, size // len(ROOMS))]


def room_of(mutant: Mutant) -> str:
    """The room that the fault is in."""
    return Path(mutant.file).parts[len(PACKAGE.parts)]


def _of_room(root: Path, room: str, seed: int, size: int) -> list[Mutant]:
    files = sorted((root / PACKAGE / room).rglob("*.py"))
    all_ = [
        each
        for file in files
        for each in mutants(file.relative_to(root).as_posix(), file.read_text(encoding="utf-8"))
    ]
    random = Random(f"{seed} {room}")
    families = [[each for each in all_ if each.family == family] for family in FAMILIES]
    for family in families:
        random.shuffle(family)
    taken: list[Mutant] = []
    while len(taken) < size and any(families):
        for family in families:
            if family and len(taken) < size:
                taken.append(family.pop())
    return sorted(taken, key=lambda each: (each.file, each.line, each.column, each.family))
