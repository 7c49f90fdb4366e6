"""A run's own files and arguments put together: the values that its framework sees, each with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from vramlint.dialects import detect, load
from vramlint.dialects.kit.dialect import Companion, Dialect
from vramlint.dialects.kit.run import Given, Run, Unknown, WrittenFile
from vramlint.dialects.launching.arguments import OPEN
from vramlint.dialects.launching.programs import EXAMPLE_SCRIPTS
from vramlint.document import Document
from vramlint.document.node import KeyPath
from vramlint.document.place import Place
from vramlint.document.shell.values import Value, as_snippet
from vramlint.lazy_dataclasses import dataclass

Opener: TypeAlias = Callable[[str], Companion | None]
Files: TypeAlias = Mapping[str, Value | WrittenFile]
"""What a script writes itself, by the names of the files."""

_GROUPED = re.compile(r"(?:.*/)?run_clm\w*\.py\Z")
"""They cut all texts into rows of one length (`group_texts` in run_clm.py of transformers 5.24)."""
_FLAT = frozenset(("trl", "llamafactory", "axolotl", "ms-swift"))
"""Dialects whose flags are keys without sections."""


@dataclass(frozen=True, slots=True)
class Source:
    """A config file that takes part; a place in it is one of the script that writes it, if one does."""

    path: str
    values: Mapping[str, Any]
    document: Document | None
    place: Callable[[KeyPath], Place | None]
    open: tuple[Unknown, ...] = ()
    """What of it is not known, by dotted keys."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a run comes to. `by_name`: its script is not known, so that only what is written can be said."""

    run: Run
    dialect: Dialect | None
    values: Mapping[str, Any]
    sources: tuple[Source, ...]
    missing: tuple[Given, ...]
    by_name: bool

    def place(self, key: KeyPath) -> Place | None:
        """Where the value at a key is decided: an argument, else the last config file that has the key."""
        given = self.argument(key)
        if given is not None:
            return given.place
        for source in reversed(self.sources):
            found = source.place(key)
            if found is not None:
                return found
        return None

    def key(self, name: str) -> KeyPath:
        """The key path of an argument's name."""
        flat = self.dialect is None or self.dialect.name in _FLAT
        return (name,) if flat else tuple(name.split("."))

    def document(self, key: KeyPath) -> str | None:
        """The file that a key's value is decided in, where the script itself does not write it."""
        given = self.argument(key)
        if given is not None:
            return given.place.document
        place = next(
            (found for each in reversed(self.sources) if (found := each.place(key)) is not None), None
        )
        return place.document if place is not None else None

    @property
    def files(self) -> tuple[str, ...]:
        """The other files that take part: configs, and programs and settings in which values are decided."""
        given = (*self.run.arguments.values(), *self.run.environment.values(), self.run.program)
        decided = (each.place.document for each in given)
        return tuple(
            dict.fromkeys((*(each.path for each in self.sources), *(name for name in decided if name)))
        )

    def argument(self, key: KeyPath) -> Given | None:
        """The argument that sets a key."""
        return self.run.arguments.get(".".join(str(part) for part in key))


def subject_of(run: Run, open_file: Opener, files: Files) -> Subject:
    """The run with the files that it names, and the dialect that it is written in."""
    sources: list[Source] = []
    missing: list[Given] = []
    values: dict[str, Any] = {}
    for config in run.configs:
        source = opened(str(config.value), open_file, files)
        if source is None:
            missing.append(config)
            continue
        sources.append(source)
        values = _merged(values, source.values)
    framework = run.framework or (detect(values).name if sources else None)
    arguments = {
        key: given.value for key, given in run.arguments.items() if given.value is not None or not given.why
    }
    flat = {key: value for key, value in arguments.items() if "." not in key and _said(run.arguments[key])}
    if framework is None and EXAMPLE_SCRIPTS.match(str(run.program.value)):
        framework = "trl"
    elif framework is None and not sources:
        found = detect({**values, **flat}).name
        framework = found if found in _FLAT - {"trl"} else None  # names that others share decide nothing
    for key, value in arguments.items():
        values = _with(values, key.split(".") if framework not in _FLAT else [key], value)
    if framework == "trl" and _GROUPED.match(str(run.program.value)):
        values.setdefault("packing", True)
    dialect = load(framework) if framework else None
    return Subject(run, dialect, values, tuple(sources), tuple(missing), dialect is None)


def _said(given: Given) -> bool:
    """Whether a value is the launch line's own. A default that the script declares tells no framework."""
    return given.how != "declared-default"


def opened(name: str, open_file: Opener, files: Files) -> Source | None:
    """A config file by the name on the launch line: one that the script writes, else one of the workspace."""
    return _written(name, files) or _opened(name, open_file)


def _opened(name: str, open_file: Opener) -> Source | None:
    """A file of the workspace; of a name that begins with something open, the rest."""
    name = re.sub(rf"^.*{OPEN}/", "", name)
    companion = open_file(name) if OPEN not in name else None
    if companion is None or not isinstance(companion.values, Mapping):
        return None
    document, path = companion.document, companion.path

    def place(key: KeyPath) -> Place | None:
        span = document.key_span(key) if document else None
        return Place(span, path) if span is not None else None

    return Source(path, companion.values, document, place)


def _written(name: str, files: Files) -> Source | None:
    """A file that the script itself writes; of a program, whose folder is not known, by its name alone."""
    value = files.get(name.replace(OPEN, "*"))
    if value is None:
        base = PurePosixPath(name).name
        same = [each for key, each in files.items() if PurePosixPath(key).name == base]
        value = same[0] if len(same) == 1 and isinstance(same[0], WrittenFile) else None
    if value is None:
        return None
    if isinstance(value, WrittenFile):
        return Source(name, value.values, None, value.places.get, value.open)
    snippet, opened = as_snippet(value)
    document = Document.parse(snippet.text, name)
    values = document.values()
    if not isinstance(values, Mapping):
        return None

    def place(key: KeyPath) -> Place | None:
        span = document.value_span(key)
        return snippet.locate(span) if span is not None and document.pair(key) else None

    marks = frozenset(opened)
    missing = tuple(
        Unknown(".".join(map(str, path)), opened[mark].why or "not known here", place(path))
        for path, mark in _open_keys(values, marks)
    )
    return Source(name, _without_open(values, marks), document, place, missing)


def _open_keys(values: Any, marks: frozenset[str], above: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """The keys whose values hold an open piece, with its mark."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from _open_keys(value, marks, (*above, str(key)))
    elif isinstance(values, str):
        yield from ((above, mark) for mark in marks if mark in values)


def _without_open(values: Any, opened: frozenset[str]) -> Any:
    """The values without those that hold an open piece."""
    if isinstance(values, Mapping):
        kept = {key: _without_open(value, opened) for key, value in values.items()}
        return {key: value for key, value in kept.items() if not _holds(value, opened)}
    return values


def _holds(value: Any, opened: frozenset[str]) -> bool:
    return isinstance(value, str) and any(mark in value for mark in opened)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings merged key by key; everything else is replaced."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return result


def _with(values: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    result = dict(values)
    if len(path) == 1:
        result[path[0]] = value
        return result
    inner = result.get(path[0])
    result[path[0]] = _with(inner if isinstance(inner, Mapping) else {}, path[1:], value)
    return result
