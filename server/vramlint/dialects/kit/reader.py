"""Reading plain values: coercions that never raise, and a Reader that remembers where each job field came
from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from vramlint.dialects.kit.dialect import (
    UNSET,
    ByRelease,
    Companion,
    Key,
    Problem,
    SetKey,
    Severity,
    Unusable,
)
from vramlint.dialects.kit.signs import refers
from vramlint.job import Assumed, FrameworkDefault, KeyPath, Open, Origin, Written
from vramlint.lazy_dataclasses import dataclass, field, replace
from vramlint.versions import at_least, same_minor
from vramlint.vocabulary import Checkpointing

T = TypeVar("T")
Kind = Callable[[Any], T | None]
"""A coercion: the typed value, or None where the value has another type (the schema's rules report that)."""

_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def boolean(value: Any) -> bool | None:
    """True and False, also as the words that dataclass parsers accept."""
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else None
    return True if word in _TRUE else False if word in _FALSE else None


def integer(value: Any) -> int | None:
    """A whole number, also written as 1e3 or as a string."""
    exact = number(value)
    if exact is None or exact != int(exact):
        return None
    return value if isinstance(value, int) else int(exact)  # a float ends at 53 bits


def positive(value: Any) -> int | None:
    """A whole number above zero: batch sizes, lengths, ranks."""
    whole = integer(value)
    return whole if whole is not None and whole > 0 else None


def integers(value: Any) -> tuple[int, ...] | None:
    """Whole numbers: a list of them, or one."""
    found = [integer(item) for item in (value if isinstance(value, list | tuple) else [value])]
    return tuple(item for item in found if item is not None) or None


def number(value: Any) -> float | None:
    """A finite number; YAML reads 1e-4 as a string, and so do the trainers' parsers."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if abs(result) < 1e300 else None


def memory_budget(value: Any) -> Checkpointing | None:
    """Checkpointing where compiled layers keep a share: at 0 all is computed again, at 1 nothing."""
    share = number(value)
    if share is None or not 0 <= share <= 1:
        return None
    return "full" if share == 0 else "none" if share == 1 else share


def text(value: Any) -> str | None:
    """A string that is not empty."""
    return value if isinstance(value, str) and value else None


def mapping(value: Any) -> Mapping[str, Any] | None:
    """A mapping."""
    return value if isinstance(value, Mapping) else None


def sequence(value: Any) -> tuple[Any, ...] | None:
    """A list."""
    return tuple(value) if isinstance(value, list | tuple) else None


def names(value: Any) -> tuple[str, ...] | None:
    """Names: a list of strings, or one string separated by commas or spaces."""
    if isinstance(value, str):
        return tuple(part for part in re.split(r"[,\s]+", value.strip()) if part) or None
    if isinstance(value, list | tuple):
        return tuple(item for item in value if isinstance(item, str)) or None
    return None


_TAKES: Mapping[Kind[Any], str] = {
    boolean: "true or false",
    integer: "a whole number",
    positive: "a whole number above 0",
    integers: "whole numbers",
    number: "a number",
    text: "a text",
    mapping: "a mapping",
    sequence: "a list",
    names: "names",
}
"""What a key takes, in words, by the coercion that reads it."""


def choice(allowed: Mapping[Any, T]) -> Kind[T]:
    """A coercion through a table; what is not in the table counts as absent."""

    def look_up(value: Any) -> T | None:
        return allowed.get(value) if isinstance(value, str | bool | int) else None

    return look_up


def table(keys: Iterable[Key]) -> dict[str, Key]:
    """A dialect's rows by their dotted path."""
    return {key.path: key for key in keys}


def split(path: str) -> KeyPath:
    """The key path of a dotted name."""
    return tuple(path.split("."))


def look_up(values: Any, path: str) -> Any:
    """The value at a dotted path, or UNSET where a key on the way is missing."""
    if not isinstance(values, (dict, Mapping)):
        return UNSET
    if path in values:
        return values[path]
    if "." not in path:
        return UNSET
    for name in path.split("."):
        if not isinstance(values, (dict, Mapping)) or name not in values:
            return UNSET
        values = values[name]
    return values


@dataclass(slots=True)
class Record:
    """What reading collects on the way; shared by a reader and the readers of its sections and companions."""

    origins: dict[str, Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    companions: list[str] = field(default_factory=list)
    missing: list[tuple[KeyPath, str]] = field(default_factory=list)
    unusable: dict[tuple[str | None, KeyPath], Unusable | None] = field(default_factory=dict)
    """Values that no coercion took, by document and key; None where another coercion took the value after
    all.
    """
    taken: set[tuple[str | None, KeyPath]] = field(default_factory=set)
    """Keys whose value some coercion took, by document."""


@dataclass(slots=True)
class Reader:
    """Reads one mapping of a document and records for every job field whether it was written, a default,
    or assumed.

    `keys` is the dialect's table: `read` finds there the field that a key decides and the framework's
    default. `prefix` and `document` place a section of the file, or a companion file. `version` is the
    framework's release that the file is for, `known` the one that the table was read from, `releases` what
    is known of the libraries that run with it.
    """

    values: Mapping[str, Any]
    framework: str
    version: str
    keys: Mapping[str, Key] = field(default_factory=dict)
    prefix: KeyPath = ()
    document: str | None = None
    record: Record = field(default_factory=Record)
    known: str = ""
    releases: Mapping[str, str] = field(default_factory=dict)
    auto: bool = False
    """"auto" stands for what the front end decides, as in a DeepSpeed file under the Trainer."""
    at_prefix: bool = False
    """The values are not in the document: every key of theirs is placed at `prefix`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that the run is started with."""
    places: Mapping[str, KeyPath] = field(default_factory=dict)
    """Where keys are written that the document has under other names."""
    unsettled: frozenset[str] = frozenset()
    """Keys that the run has a value for which is not known."""

    def raw(self, path: str) -> Any:
        """The value as it is, or UNSET."""
        return look_up(self.values, path)

    def has(self, path: str) -> bool:
        """Whether the key is written, be it as null."""
        return self.raw(path) is not UNSET

    def get(self, path: str, kind: Kind[T]) -> T | None:
        """The typed value, or None where the key is absent, null or of another type. Records nothing."""
        value = self.raw(path)
        if value is UNSET or value is None:
            return None
        result = kind(value)
        if result is None:
            if kind is not text or value is not False:  # YAML 1.1 reads `strategy: no` so
                self._unusable(path, value, _TAKES.get(kind, ""))
        else:
            place = self.document, self.at(path)
            self.record.taken.add(place)
            if self.record.unusable:
                self.record.unusable[place] = None
        return result

    def _unusable(self, path: str, value: Any, wanted: str) -> None:
        """Remember a value that a coercion did not take; an empty one says as much as none."""
        filled_in = self.at_prefix or (self.auto and value == "auto") or refers(value)
        if value not in ("", [], {}) and not filled_in:
            key = self.at(path)
            unusable = Unusable(key, value, self.document, wanted)
            self.record.unusable.setdefault((self.document, key), unusable)

    def flag(self, path: str) -> bool:
        """Whether a boolean key is written as true."""
        return self.get(path, boolean) is True

    def read(
        self,
        path: str | tuple[str, ...],
        kind: Kind[T],
        default: T = UNSET,
        *,
        field: str = "",
        note: str = "",
    ) -> T:
        """The typed value of a key (or of the first of several spellings), with its origin recorded under
        the field that it decides.

        Where the file is silent: `default`, or else the default of the key's row in the table.
        """
        paths = (path,) if isinstance(path, str) else path
        row = self.row(paths[0])
        decided = field or (row.field if row else None) or paths[0]
        for spelling in paths:
            value = self.get(spelling, kind)
            if value is not None:
                self.written(decided, spelling)
                return value
        if default is UNSET and row is not None:
            default = self._of_table(row, decided, note)
        else:
            self.default(decided, note)
        assert default is not UNSET, f"{paths[0]} has no default"
        result: T = default
        return result

    def row(self, path: str) -> Key | None:
        """The table's row of a key, by its name in the table where the document has another."""
        return self.keys.get(path if path in self.places else ".".join(map(str, self.at(path))))

    def runs(self, library: str, since: str) -> bool:
        """Whether the release of `library` that runs is `since` or newer."""
        return at_least(self.releases.get(library), since)

    def at(self, path: str) -> KeyPath:
        """The whole key path of a key of this reader."""
        if path in self.places:
            return self.places[path]
        return self.prefix + (split(path) if path and not self.at_prefix else ())

    def written(self, field: str, path: str) -> None:
        """Record that the key `path` decided `field`."""
        self.record.origins[field] = Written(self.at(path), self.document)

    def default(self, field: str, note: str = "") -> None:
        """Record that the framework decided `field`. Its release is named only where it is the known one."""
        known = self.version if not self.known or same_minor(self.version, self.known) else ""
        self.record.origins[field] = FrameworkDefault(self.framework, known, note)

    def default_of(self, path: str, field: str = "", note: str = "") -> Any:
        """What the releases that run do where the key `path` of the table is absent. Recorded under `field`,
        where one is given, with the release that the row was read from.
        """
        row = self.row(path)
        assert row is not None, f"{path} has no row"
        return self._of_table(row, field, note)

    def _of_table(self, row: Key, field: str, note: str) -> Any:
        other = next((other for other in row.by_release if other.holds(self.releases)), None)
        if field:
            read_from = self.known or self.version
            self.record.origins[field] = (
                FrameworkDefault(self.framework, read_from, note) if other is None else _origin(other, note)
            )
        return row.default if other is None else other.default

    def assume(self, field: str, reason: str) -> None:
        """Record an assumption of ours."""
        self.record.origins[field] = Assumed(reason)

    def leave_open(self, field: str, reason: str, *, at_least: bool = False) -> None:
        """Record that the file leaves `field` to whoever starts the run; see `Open`."""
        self.record.origins[field] = Open(reason, "at least" if at_least else "about")

    def same_origin_as(self, field: str, source: str) -> None:
        """Record that `field` follows from what decided the field `source`."""
        if source in self.record.origins:
            self.record.origins[field] = self.record.origins[source]

    def problem(
        self,
        kind: str,
        path: str,
        message: str,
        severity: Severity = "warning",
        related: tuple[str, ...] = (),
        fix: Mapping[str, Any] | None = None,
    ) -> None:
        """Record something the framework refuses or ignores. `path`, `related` and those of `fix` are keys of
        this reader. Nothing is recorded where one of them has a value that is not known.
        """
        if not self.unsettled.isdisjoint((path, *related, *(fix or ()))):
            return
        places = tuple(self.at(other) for other in related)
        keys = tuple(SetKey(self.at(other), value) for other, value in (fix or {}).items())
        problem = Problem(kind, self.at(path), message, severity, places, self.document, keys)
        self.record.problems.append(problem)

    def section(self, path: str) -> Reader | None:
        """A reader of the mapping at `path`, or None where there is none."""
        inner = self.get(path, mapping)
        return None if inner is None else self._child(inner, self.at(path), self.document)

    def companion_reader(self, companion: Companion) -> Reader:
        """A reader of a companion file; what it records names that file."""
        if companion.path not in self.record.companions:
            self.record.companions.append(companion.path)
        return self._child(mapping(companion.values) or {}, (), companion.path)

    def virtual(self, values: Mapping[str, Any], path: str) -> Reader:
        """A reader of settings that the key `path` only names: all that they decide is recorded as written
        there.
        """
        return replace(self, values=values, prefix=self.at(path), document=None, at_prefix=True)

    def _child(self, values: Mapping[str, Any], prefix: KeyPath, document: str | None) -> Reader:
        return replace(self, values=values, prefix=prefix, document=document)


def _origin(row: ByRelease, note: str) -> FrameworkDefault:
    (library, release), word = (row.before[0], "before ") if row.before else (row.since[0], "")
    return FrameworkDefault(library, word + release, note)
