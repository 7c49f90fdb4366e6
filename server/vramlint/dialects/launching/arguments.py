"""The arguments of a program that trains: its config files, its flags and its overrides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from vramlint.dialects.kit.run import Given, Unknown
from vramlint.document.node import Span
from vramlint.lazy_dataclasses import replace

CONFIG = re.compile(r"\S*\.(?:ya?ml|toml|jsonc?)\Z")
_OVERRIDE = re.compile(r"\+{0,2}([A-Za-z_][\w.@/-]*)=(.*)\Z", re.DOTALL)
_REMOVED = re.compile(r"~([A-Za-z_][\w.]*)(?:=.*)?\Z")
"""A key that a line takes out of its config."""
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\Z")
CONFIG_OPTIONS = frozenset(
    ("config", "config_file", "c", "config_path", "job.config_file", "yaml", "cfg", "config_yaml")
)


OPEN = "…"
"""Stands for what is open in a word, until the word is taken for a value; as messages show it."""
REST = "what the script is started with"
"""Why a word is open that can be any number of words."""


class Arguments(NamedTuple):
    """What follows a program's name: `positional` words, config files, and values by key."""

    positional: tuple[Given, ...]
    configs: tuple[Given, ...]
    values: dict[str, Given]
    open: tuple[Unknown, ...]


def read_arguments(words: Sequence[Given]) -> Arguments:
    """Flags (`--a-b 1`, `--a_b=1`, `--flag`), overrides (`a.b=1`) and the rest."""
    positional: list[Given] = []
    configs: list[Given] = []
    values: dict[str, Given] = {}
    unknown: list[Unknown] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word.value == OPEN and word.why == REST:
            unknown.append(Unknown("overrides", REST + " may add anything", word.place))
            continue
        if is_flag(word):
            name, equals, value = word.value.lstrip("-").partition("=")
            name = name.replace("-", "_")
            taken: list[Given] = []
            while not equals and at < len(words) and not is_flag(words[at]):
                if words[at].why == REST or (taken and words[at].value == OPEN):
                    break  # an unset variable may hold any options
                other = words[at].value
                if taken and isinstance(other, str) and (_OVERRIDE.match(other) or _REMOVED.match(other)):
                    break
                taken.append(words[at])
                at += 1
            if name in CONFIG_OPTIONS and (equals or len(taken) == 1):
                named = str(value if equals else taken[0].value)
                configs.append(replace(word if equals else taken[0], value=named))
            else:
                values[name] = after_equals(word, value) if equals else _joined(word, taken)
            continue
        found = _OVERRIDE.match(word.value)
        removed = _REMOVED.match(word.value)
        if found:
            values[found[1]] = after_equals(word, found[2])
        elif removed:
            values[removed[1]] = replace(word, value=None)
        elif CONFIG.match(word.value):
            configs.append(word)
        else:
            positional.append(word)
    return Arguments(tuple(positional), tuple(configs), values, tuple(unknown))


def is_flag(word: Given) -> bool:
    """Whether a word is an option's name, and not a negative number."""
    text = word.value
    return isinstance(text, str) and text.startswith("-") and len(text) > 1 and not _NUMBER.match(text)


def after_equals(word: Given, value: str) -> Given:
    """The value of `--a=1` or `a=1`, with the places of both sides."""
    written = str(word.value)
    span = word.place.span
    given = settled(word, value)
    if word.used is None or word.used.span.end - word.used.span.start < len(written) - len(value):
        return given
    start = word.used.span.start
    key = word.used._replace(span=Span(start, start + len(written) - len(value) - 1))
    if word.place == word.used and span.end - span.start == len(written):
        given = replace(given, place=word.place._replace(span=Span(span.end - len(value), span.end)))
    return replace(given, key=key)


def settled(given: Given, value: Any = None) -> Given:
    """The word as a value of its own: None where a part of it is open."""
    text = given.value if value is None else value
    if isinstance(text, str):
        return replace(given, value=None if OPEN in text else typed(text))
    return replace(given, value=text)


def _joined(flag: Given, taken: list[Given]) -> Given:
    """The value of a flag: True without any, a list of several, None where one is open."""
    if not taken:
        return replace(flag, value=True, key=flag.place)
    if len(taken) == 1:
        return replace(settled(taken[0]), key=flag.place)
    values = [settled(each).value for each in taken]
    return replace(taken[0], value=None if None in values else values, key=flag.place)


def typed(text: str) -> Any:
    """A value as the parsers of the frameworks take it: numbers, booleans, lists; other text as it is."""
    word = text.strip()
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    if word.lower() in ("null", "none"):
        return None if word == "null" else word
    if _NUMBER.match(word):
        return int(word) if re.fullmatch(r"[-+]?\d+", word) else float(word)
    if word[:1] in ("[", "{"):
        import yaml  # late: few values are lists

        try:
            return yaml.safe_load(word)
        except (yaml.YAMLError, ValueError, RecursionError):
            return text
    return text
