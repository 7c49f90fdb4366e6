"""Signs: the keys by which the files of a dialect are told from others, never the file's name.

They are plain data, so that the dialect of a file is known before the code of any dialect is loaded.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from itertools import islice
from typing import Any

from vramlint.lazy_dataclasses import dataclass

Sign = str | tuple[str, Callable[[Any], bool]]
"""A dotted key ("a.b"), several that must all be there ("a+b.c") or be absent ("a+!b"), or a key with a test
of its value. A `*` stands for any text in the name of a key; each key that matches is a sign of its own.
"""

DECISIVE, LIKELY, STRONG, HINT = 0.9, 0.6, 0.4, 0.08
ENOUGH = 0.5
"""The evidence from which on a file is taken for a dialect's."""
_DOUBTED = 0.3
"""What evidence counts at most where something speaks against it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How sure a dialect is that a file is its own (0 … 1), the keys that say so, and whether names that
    other people's files share had to help (`weak`): then nothing is said of keys that it does not know.
    """

    score: float
    keys: tuple[str, ...] = ()
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for a dialect. Weights add up as independent evidence does: 1 - (1 - a)(1 - b)...

    `decisive` keys settle it alone, and so do `likely` ones, which people's own files share; `strong` ones
    settle it in company, `hint`s only tip the balance. A `foreign` key says that the file is another's, and
    so does the absence of all `required` ones, and a mapping under a name that is not one of `sections`.
    """

    decisive: tuple[Sign, ...] = ()
    likely: tuple[Sign, ...] = ()
    strong: tuple[Sign, ...] = ()
    hint: tuple[Sign, ...] = ()
    foreign: tuple[Sign, ...] = ()
    required: tuple[Sign, ...] = ()
    sections: tuple[str, ...] = ()
    """The names of the mappings that such a file has, if they are few; empty where any may be there."""
    dashes: bool = False
    """Whether the framework reads "a-b" as "a_b"."""

    def evidence(self, values: Mapping[Any, Any]) -> Evidence:
        """How sure the dialect is of `values`, and the keys that make it so."""
        if self.dashes:
            values = {key.replace("-", "_"): value for key, value in values.items() if isinstance(key, str)}
        found = [
            (keys, weight)
            for step, key, sign, weight in _by_first_step(self)
            if not step or step in values or key in values
            for keys in _found(values, sign)
        ]
        if not found:
            return Evidence(0.0, weak=True)  # of most dialects: what speaks against them is not asked
        score = _joined(weight for _, weight in found)
        weak = _joined(weight for _, weight in found if weight != LIKELY) < ENOUGH
        if self._doubted(values):
            score = min(score, _DOUBTED)
        return Evidence(score, tuple(dict.fromkeys(key for keys, _ in found for key in keys)), weak)

    def _doubted(self, values: Mapping[Any, Any]) -> bool:
        """Whether something in `values` says that they are another's."""
        return (
            _any(values, self.foreign)
            or (bool(self.required) and not _any(values, self.required))
            or (bool(self.sections) and any(_section(values, key) for key in values.keys() - self.sections))
        )

    @property
    def names(self) -> frozenset[str]:
        """The names in the keys that speak for the dialect."""
        return frozenset(name for sign, _ in self._weighted() for name in _names(sign))

    def possible(self, names: AbstractSet[str]) -> bool:
        """Whether there can be enough evidence in a file with these `names` in its keys, and others that are
        in no sign. Says yes too often rather than too rarely: it knows neither nesting nor values.
        """
        found = [(sign, weight) for sign, weight in self._weighted() if _names(sign) <= names]
        many = any("*" in _path(sign) for sign, _ in found)
        return many or _joined(weight for _, weight in found) >= ENOUGH

    def _weighted(self) -> Iterator[tuple[Sign, float]]:
        for signs, weight in (
            (self.decisive, DECISIVE),
            (self.likely, LIKELY),
            (self.strong, STRONG),
            (self.hint, HINT),
        ):
            for sign in signs:
                yield sign, weight


def text(value: Any) -> bool:
    """Whether the value is a string."""
    return isinstance(value, str)


def mapping(value: Any) -> bool:
    """Whether the value is a mapping."""
    return isinstance(value, Mapping)


def not_text(value: Any) -> bool:
    """Whether the value is not a string."""
    return not isinstance(value, str)


def number(value: Any) -> bool:
    """Whether the value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def listing(value: Any) -> bool:
    """Whether the value is a list."""
    return isinstance(value, list)


def texts(value: Any) -> bool:
    """Whether the value is a string or a list of nothing else."""
    items = value if isinstance(value, list) else [value]
    return all(isinstance(item, str) for item in items)


def starting(*prefixes: str) -> Callable[[Any], bool]:
    """Whether the value is a string that begins so."""
    return lambda value: isinstance(value, str) and value.startswith(prefixes)


def naming(part: str) -> Callable[[Any], bool]:
    """Whether an item of the value, a list, holds the text."""
    return lambda value: isinstance(value, list) and any(part in str(item) for item in value)


def matching(pattern: str) -> Callable[[Any], bool]:
    """Whether the value is a string in which the pattern is found."""
    return lambda value: isinstance(value, str) and re.search(pattern, value) is not None


_REFERENCE = re.compile(r"\$\{[^}]*[.:a-z]")


def refers(value: Any) -> bool:
    """Whether the value is a string with a reference as OmegaConf reads it; `${HOME}`, an environment
    variable, is not one.
    """
    return isinstance(value, str) and _REFERENCE.search(value) is not None


def one_of(*words: str) -> Callable[[Any], bool]:
    """Whether the value is one of these strings."""
    return lambda value: isinstance(value, str) and value in words


def _joined(weights: Iterable[float]) -> float:
    doubt = 1.0
    for weight in weights:
        doubt *= 1 - weight
    return round(1 - doubt, 4)


def _any(values: Mapping[Any, Any], signs: Iterable[Sign]) -> bool:
    return any(True for sign in signs for _ in _found(values, sign))


def _path(sign: Sign) -> str:
    return sign if isinstance(sign, str) else sign[0]


@cache
def _names(sign: Sign) -> frozenset[str]:
    """The names in a sign's keys, without those that stand for any."""
    present = (part for part in _path(sign).split("+") if not part.startswith("!"))
    return frozenset(name for part in present for name in part.split(".") if "*" not in name)


def _found(values: Mapping[Any, Any], sign: Sign) -> Iterator[tuple[str, ...]]:
    """The keys of the file that are such a sign, once for each key that its first part matches."""
    path, test = (sign, None) if isinstance(sign, str) else sign
    first, others = _parts(path)
    if all(_there(values, other) for other in others):
        for key, value in _at(values, first):
            if test is None or test(value):
                yield key, *(other for other in others if not other.startswith("!"))


@cache
def _parts(path: str) -> tuple[str, tuple[str, ...]]:
    """The first key of a sign, and the others."""
    first, *others = path.split("+")
    return first, tuple(others)


@cache
def _by_first_step(signs: Signs) -> tuple[tuple[str, str, Sign, float], ...]:
    """The signs with their weights, keyed by the first part of their first key (empty where any may do) and
    that key: without either there is no such sign, and most signs of most dialects are done with here.
    """

    def row(sign: Sign, weight: float) -> tuple[str, str, Sign, float]:
        key = _parts(_path(sign))[0]
        step = key.partition(".")[0]
        return "" if "*" in step else step, key, sign, weight

    return tuple(row(sign, weight) for sign, weight in signs._weighted())


def _there(values: Mapping[Any, Any], path: str) -> bool:
    """Whether a key is there, or with `!` before its path, is not."""
    return any(True for _ in _at(values, path.removeprefix("!"))) != path.startswith("!")


def _section(values: Mapping[Any, Any], key: Any) -> bool:
    """Whether the key, where it is text, holds a mapping with something in it."""
    return isinstance(key, str) and isinstance(values[key], Mapping) and bool(values[key])


_MOST_KEYS = 500
"""Of a mapping in which a sign with `*` is looked for, once for each sign there is."""


def _at(values: Mapping[Any, Any], path: str) -> Iterator[tuple[str, Any]]:
    """The keys at a dotted path with their values."""
    if path in values:
        yield path, values[path]
        return
    step, _, rest = path.partition(".")
    for key in _like(step, values, bool(rest)) if "*" in step else (step,) if step in values else ():
        value = values.get(key)
        if not rest:
            yield key, value
        elif isinstance(value, Mapping):
            yield from ((f"{key}.{below}", inner) for below, inner in _at(value, rest))


def _like(pattern: str, values: Mapping[Any, Any], sections: bool) -> list[str]:
    """The keys that match a pattern; of `sections` only, which few files have many of."""
    keys = (key for key, value in values.items() if isinstance(value, dict)) if sections else values
    return fnmatch.filter(map(str, islice(keys, _MOST_KEYS)), pattern)
