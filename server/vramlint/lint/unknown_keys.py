"""Keys of a file that its framework does not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, TypeAlias, cast

from vramlint.dialects.kit.dialect import Dialect
from vramlint.document.node import KeyPath
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.context import RuleContext
from vramlint.lint.schema import schema_of
from vramlint.versions import at_least, older, same_minor

Fate: TypeAlias = Literal["dropped", "refused", "launcher"]
"""What becomes of an unknown key: ignored silently, refused, or handed to the launcher."""
_FATES = ("dropped", "refused", "launcher")
_LIKE = 0.84
_VERY_LIKE = 0.9
"""How alike a known key must be spelled to be proposed; more so where others add keys of their own."""
MOST_COMPARED = 100
"""Unknown keys of a file that are compared with the known ones: that takes a millisecond each."""


@dataclass(frozen=True, slots=True)
class Gone:
    """A key of older releases: `release` is the first without it, or the last with it (`last`)."""

    release: str
    last: bool = False
    replacement: str | None = None


@dataclass(frozen=True, slots=True)
class UnknownKeyAt:
    """One unknown key, what becomes of it, the known key spelled most like it, and if it once existed."""

    path: KeyPath
    fate: Fate
    close: str | None = None
    gone: Gone | None = None
    certain: bool = True
    """False where a newer release than the one known may have added the key."""


def unknown_keys(context: RuleContext) -> Iterator[UnknownKeyAt]:
    """The keys that neither the schema nor the dialect's table knows. Nothing where there is no schema, or
    where the file may be another's.
    """
    dialect = context.dialect
    if dialect is None or not isinstance(context.values, Mapping):
        return
    if context.detection is not None and context.detection.weak:
        return
    schema = schema_of(dialect)
    if schema is None:
        return
    gone = _gone(dialect, schema, context)
    fate = schema.get("x-unknown", dialect.unknown_keys)
    found = _below(context.values, schema, (), fate, frozenset(_with_parents(dialect)))
    old = _reads_as_older(context)
    same = _same_release(context, str(schema.get("x-version", "")))
    for number, (path, fate, known) in enumerate(found):
        dotted = ".".join(str(part) for part in path)
        if dotted in gone:
            if gone[dotted] is not None and not old:
                yield UnknownKeyAt(path, fate, None, gone[dotted])
            continue
        extended = fate == dialect.extended
        close = _close(str(path[-1]), known, extended) if number < MOST_COMPARED else None
        if close or (same and not extended and not old):
            yield UnknownKeyAt(path, fate, close, certain=close is not None)


@lru_cache(maxsize=1024)
def _close(name: str, known: tuple[str, ...], extended: bool) -> str | None:
    """The known key that a misspelled one is meant for. Where others add their own keys, `chat_template`
    is no misspelling of `chat_template_path`.
    """
    from difflib import SequenceMatcher  # both imported late: only files with a mistake need them

    from vramlint.catalog.nearest import nearest

    for found in nearest(name, known, 1):
        alike = SequenceMatcher(None, name.lower(), found.lower()).ratio()
        if alike >= (_VERY_LIKE if extended else _LIKE):
            return found
        # A beginning stands for a key that one more word completes; two say something of that key.
        begun = len(name) > 5 and found.startswith(name) and found[len(name) :].count("_") <= 1
        if begun and not extended:
            return found
    return None


def _reads_as_older(context: RuleContext) -> bool:
    """Whether the dialect took the file for one of an older release, whose keys are not listed."""
    reading, dialect = context.reading, context.dialect
    if reading is None or dialect is None:
        return False
    declared = context.dialect_context and context.dialect_context.versions.get(dialect.name)
    dated = not declared and older(reading.version, dialect.version)
    return dated or any(problem.kind == "older-release" for problem in reading.problems)


def _gone(dialect: Dialect, schema: dict[str, Any], context: RuleContext) -> dict[str, Gone | None]:
    """Dotted keys of older releases; None where the declared release still had it."""
    removed = schema.get("x-removed", {})
    rows = {path: Gone(_named(dialect, last), last=True) for path, last in removed.items()}
    rows |= {
        row.path: Gone(_named(dialect, row.removed_in), False, row.replacement) for row in dialect.renamed
    }
    return {path: None if _still_there(row, context) else row for path, row in rows.items()}


def _named(dialect: Dialect, release: str) -> str:
    """A release with its framework's name: "axolotl 0.4"."""
    return release if release[:1].isalpha() else f"{dialect.name} {release}"


def _still_there(row: Gone, context: RuleContext) -> bool:
    """Whether the file or the settings declare a release that still had the key."""
    framework, _, release = row.release.partition(" ")
    declared = context.dialect_context.versions.get(framework) if context.dialect_context else None
    if declared is None:
        return False
    return at_least(release, declared) if row.last else older(declared, release)


def _same_release(context: RuleContext, version: str) -> bool:
    """Whether nobody declared another release of the framework than the schema was made from."""
    name = context.dialect.name if context.dialect else ""
    declared = context.dialect_context.versions.get(name) if context.dialect_context else None
    return declared is None or same_minor(declared, version)


def _with_parents(dialect: Dialect) -> Iterator[str]:
    for row in dialect.keys:
        parts = row.path.split(".")
        yield from (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def _below(
    values: Mapping[Any, Any], section: Mapping[str, Any], path: KeyPath, fate: str, table: frozenset[str]
) -> Iterator[tuple[KeyPath, Fate, tuple[str, ...]]]:
    """Walk a mapping and its schema side by side. An empty value that is dropped is not worth a word."""
    properties: Mapping[str, Any] = section.get("properties", {})
    for key, value in values.items():
        if not isinstance(key, str) or not key.isprintable():
            continue
        inner = properties.get(key)
        if inner is None:
            empty = value is None and fate == "dropped"
            if fate in _FATES and not empty and ".".join(map(str, (*path, key))) not in table:
                yield (*path, key), cast(Fate, fate), tuple(properties)
        elif "properties" in inner and isinstance(value, Mapping):
            yield from _below(value, inner, (*path, key), inner.get("x-unknown", "open"), table)
        elif isinstance(value, list) and "properties" in (items := inner.get("items", {})):
            for index, item in enumerate(value):
                if isinstance(item, Mapping):
                    yield from _below(item, items, (*path, key, index), items.get("x-unknown", "open"), table)
