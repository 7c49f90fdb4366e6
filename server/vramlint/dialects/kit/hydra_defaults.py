"""Files that inherit from others: the `defaults:` of Hydra and NeMo, followed inside the workspace.

A parent's values come first and the file's own override them, section by section. `defaults` is one name or
a list: `sft.yaml`, `ppo_trainer`, `actor@actor_rollout_ref.actor: dp_actor` (a file of the folder `actor`
under that section), `_self_` (where the file's own values come).
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vramlint.dialects.kit.dialect import UNSET, Companion, Obstacle
from vramlint.dialects.kit.interpolation import resolve
from vramlint.dialects.kit.reader import Reader, look_up, mapping
from vramlint.job import KeyPath, Written
from vramlint.lazy_dataclasses import dataclass, field, replace

_MOST = 60
"""Files that one config may inherit from."""
_HYDRAS = "hydra/"
"""Groups of Hydra itself, which its package and its plug-ins bring and which say nothing of the run."""


@dataclass(slots=True)
class Inherited:
    """A file's values with those of its parents, and which parent a value is in."""

    values: Mapping[str, Any]
    own: Mapping[str, Any]
    parents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    circle: tuple[str, ...] = ()
    """The files of a circle, where there is one."""

    @property
    def obstacle(self) -> Obstacle | None:
        """Why a file cannot be read whole."""
        if self.circle:
            return Obstacle("parents-in-a-circle", "defaults lead in a circle", ("defaults",))
        if self.missing:
            return Obstacle(
                "missing-parent", f"defaults: {self.missing[0]} is not in the workspace", ("defaults",)
            )
        return None

    def report(self, reader: Reader, *, missing: bool = True) -> None:
        """Record in `reader` what was followed, a circle, and, where it matters, what is missing."""
        place: KeyPath = ("defaults",)
        reader.record.companions.extend(self.parents)
        if missing:
            reader.record.missing.extend((place, name) for name in self.missing)
        if self.circle:
            names = " → ".join(self.circle)
            reader.problem("inherits-from-itself", "defaults", f"defaults lead in a circle: {names}", "error")

    def place(self, reader: Reader) -> None:
        """Name the parent in every origin whose key the file itself does not hold."""
        for name, origin in reader.record.origins.items():
            if not isinstance(origin, Written) or origin.document is not None:
                continue
            path = ".".join(str(part) for part in origin.key)
            if look_up(self.own, path) is UNSET:
                holder = next(
                    (shown for shown, values in self.parents.items() if look_up(values, path) is not UNSET),
                    next(iter(self.parents), None),
                )
                reader.record.origins[name] = replace(origin, document=holder)


def inherit(values: Mapping[str, Any], open_file: Callable[[str], Companion | None]) -> Inherited:
    """The values of a file over those of its parents, references resolved."""
    found = Inherited(values, values)
    if "defaults" in values:
        found.values = _Family(open_file, found).whole(values, "", ())
    found.values = resolve(found.values)
    return found


@dataclass(slots=True)
class _Family:
    """Follows the parents of one file."""

    open_file: Callable[[str], Companion | None]
    found: Inherited
    left: int = _MOST

    def whole(self, values: Mapping[str, Any], folder: str, above: tuple[str, ...]) -> Mapping[str, Any]:
        """`values` over its parents. `folder` is where their names start, `above` the files on the way."""
        own = {key: value for key, value in values.items() if key != "defaults"}
        result: Mapping[str, Any] = {}
        placed = False
        for name, section, group in _entries(values.get("defaults")):
            if name == "_self_":
                result, placed = _over(own, result), True
            elif not name.startswith(_HYDRAS):
                result = _over(_under(section, self._parent(name, group, folder, above)), result)
        return result if placed else _over(own, result)

    def _parent(self, name: str, group: str, folder: str, above: tuple[str, ...]) -> Mapping[str, Any]:
        """The values of one parent. Names in a file that a group holds start at the group, wherever below it
        the file is.
        """
        self.left -= 1
        if self.left < 0 or self.found.circle:
            return {}
        for spelling in _spellings(name, folder):
            companion = self.open_file(spelling)
            values = mapping(companion.values) if companion else None
            if companion is None or values is None:
                continue
            if companion.path in above and spelling != companion.path:
                continue  # found by its base name alone: another file was meant
            if companion.path in above:
                start = above.index(companion.path)
                self.found.circle = (*above[start:], companion.path)
                return {}
            inner = posixpath.dirname(companion.path)
            for _ in range(name.count("/") - group.count("/") - 1 if group else 0):
                inner = posixpath.dirname(inner)
            whole = self.whole(values, inner, (*above, companion.path))
            self.found.parents.setdefault(companion.path, whole)
            return whole
        if name not in self.found.missing:
            self.found.missing.append(name)
        return {}


def _entries(defaults: Any) -> Iterator[tuple[str, str, str]]:
    """The files that `defaults` names, each with the dotted section that its values belong under, and its
    group, if it names one.
    """
    for entry in defaults if isinstance(defaults, list) else [defaults]:
        if isinstance(entry, str) and entry:
            name, _, section = entry.partition("@")
            yield name, section, ""
        elif isinstance(entry, Mapping):
            for group, option in entry.items():
                words = str(group).split()
                if not words or not isinstance(option, str):
                    continue
                folder, at, section = words[-1].partition("@")
                under = section if at else folder.strip("/").replace("/", ".")
                folder = folder.lstrip("/")
                yield f"{folder}/{option}", "" if under == "_global_" else under, folder


def _spellings(name: str, folder: str) -> Iterator[str]:
    """The file names that a name of a parent can mean, nearest first."""
    ends = (name,) if posixpath.splitext(name)[1] in (".yaml", ".yml") else (f"{name}.yaml", f"{name}.yml")
    for end in ends:
        if folder:
            yield posixpath.normpath(posixpath.join(folder, end))
        yield end


def _under(section: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    for part in reversed(section.split(".") if section else []):
        values = {part: values}
    return values


def _over(upper: Mapping[str, Any], lower: Mapping[str, Any]) -> Mapping[str, Any]:
    """Both mappings, `upper` where they differ."""
    result = dict(lower)
    for key, value in upper.items():
        below = result.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        result[key] = _over(value, below) if both else value  # type: ignore[arg-type]
    return result
