"""Dialects of training configs: which one a file is written in, how it reads as a TrainingJob, and how
changes of the job are written back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from vramlint.dialects.kit.signs import ENOUGH, Evidence
from vramlint.dialects.registry import REGISTRY, Entry
from vramlint.lazy_dataclasses import dataclass

if TYPE_CHECKING:
    from vramlint.dialects.kit.dialect import Companion, Dialect

NAMES = tuple(entry.name for entry in REGISTRY)
"""The names of all dialects."""


@dataclass(frozen=True, slots=True)
class Detection:
    """The dialect of a document (None: none of ours), with the evidence of every dialect that saw some,
    strongest first.
    """

    entry: Entry | None
    evidence: tuple[tuple[Entry, Evidence], ...] = ()
    forced: bool = False
    """Whether a directive or the settings name the dialect."""

    @property
    def name(self) -> str | None:
        """The dialect's name."""
        return self.entry.name if self.entry else None

    @property
    def weak(self) -> bool:
        """Whether the file is taken for the dialect's on the strength of names that other files share."""
        return not self.forced and any(found.weak for entry, found in self.evidence if entry is self.entry)

    @property
    def dialect(self) -> Dialect | None:
        """The dialect, loaded."""
        return self.entry.load() if self.entry else None


def detect(values: Any, open_file: Callable[[str], Companion | None] | None = None) -> Detection:
    """The dialect of a document by its keys alone, with the evidence; never by file name.

    Where these are not enough and the file inherits from others (`defaults:`), the parents that `open_file`
    finds are looked at too.
    """
    if not isinstance(values, Mapping):
        return Detection(None)
    found = _by_keys(values)
    if found.entry is not None or open_file is None or not values.get("defaults"):
        return found
    from vramlint.dialects.kit.hydra_defaults import inherit  # late: few files inherit

    whole = inherit(values, open_file).values
    inherited = _by_keys({**whole, "defaults": values["defaults"]})
    return inherited if inherited.entry is not None else found


def _by_keys(values: Mapping[Any, Any]) -> Detection:
    seen = [(entry, found) for entry in REGISTRY if (found := entry.signs.evidence(values)).score > 0]
    seen.sort(key=lambda pair: -pair[1].score)
    enough = [entry for entry, found in seen if found.score >= ENOUGH]
    enough.sort(key=lambda entry: entry.fallback)
    return Detection(enough[0] if enough else None, tuple(seen))


SIGN_NAMES = frozenset(("defaults", *(name for entry in REGISTRY for name in entry.signs.names)))
"""All names in keys that speak for a dialect, with "_" for "-"."""


def detectable(names: AbstractSet[str]) -> bool:
    """Whether a file in whose keys no other of SIGN_NAMES are than these can be of some dialect. One that
    inherits may be of its parents'.
    """
    return "defaults" in names or any(entry.signs.possible(names) for entry in REGISTRY)


def load(name: str) -> Dialect | None:
    """The dialect of that name, None where there is none."""
    return next((entry.load() for entry in REGISTRY if entry.name == name), None)


def load_all() -> tuple[Dialect, ...]:
    """Every dialect, the fully supported first. For tests and documentation: one run needs two at most."""
    return tuple(entry.load() for entry in REGISTRY)


__all__ = ["NAMES", "REGISTRY", "Detection", "Entry", "Evidence", "detect", "detectable", "load", "load_all"]
