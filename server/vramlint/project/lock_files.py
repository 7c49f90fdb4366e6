"""Versions that a project pins: in its lock, its requirements, or what it says to depend on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from vramlint.dialects import NAMES as NAMES_OF_DIALECTS
from vramlint.files import Unreadable, read_text
from vramlint.patterns import pattern
from vramlint.versions import release

NAMES = ("uv.lock", "poetry.lock", "requirements.txt", "pyproject.toml", "setup.py")
"""Strongest first: what a folder has of these."""
LIBRARIES = frozenset(NAMES_OF_DIALECTS) | {
    *("bitsandbytes", "flash-attn", "liger-kernel", "peft", "torch", "torchao", "transformers"),
}
"""The packages whose release can change what a run holds."""


def unknown_library(name: str, key: str) -> str | None:
    """What to tell whoever declared a version of `name` under `key`, where no such release matters; else
    None.
    """
    if name.lower() in LIBRARIES:
        return None
    from vramlint.catalog.nearest import nearest  # imported late: only a typo needs it

    known = sorted(LIBRARIES)
    close = nearest(name, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
    return f"{key} is the version of a library that vramlint does not know; {hint}"


_LARGEST = 16 * 2**20
_PACKAGE = pattern(r'^name = "([^"\n]+)"\s*\nversion = "([^"\n]+)"', re.MULTILINE)
_REQUIREMENT = pattern(r"^\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^]\n]*\])?\s*===?\s*([\w.!+-]+)", re.MULTILINE)
_QUOTED = pattern(r"""["']\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^]"'\n]*\])?\s*===?\s*([\w.!+-]+)\s*["';,]""")
_PATTERNS = {".lock": _PACKAGE, ".txt": _REQUIREMENT, ".toml": _QUOTED, ".py": _QUOTED}


def locked_versions(folder: Path, root: Path) -> tuple[Mapping[str, str], str | None]:
    """The versions that are pinned in the nearest folder that pins any, from `folder` up to `root`, and the
    strongest file there that does.
    """
    for place in (folder, *folder.parents):
        said = [(found, place / name) for name in NAMES if (found := _pinned(place / name, root))]
        if said:
            versions = {name: each for found, _ in reversed(said) for name, each in found.items()}
            return versions, str(said[0][1])
        if place == root:
            break
    return {}, None


def _pinned(file: Path, root: Path) -> Mapping[str, str]:
    text = _read(file, root)
    return {} if text is None else dict(_certain(_PATTERNS[file.suffix].findall(text)))


def _certain(found: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Versions of the libraries that matter; none for a package that is locked in several."""
    versions: dict[str, set[str]] = {}
    for name, version in found:
        plain = re.sub(r"[-_.]+", "-", name).lower()
        if plain in LIBRARIES:
            versions.setdefault(plain, set()).add(version.partition("+")[0])
    for name, each in versions.items():
        if len(each) == 1 and release(version := each.pop()) is not None:
            yield name, version


def _read(file: Path, root: Path) -> str | None:
    try:
        return read_text(file, _LARGEST) if file.resolve().is_relative_to(root) else None
    except (OSError, Unreadable, RuntimeError):
        return None
