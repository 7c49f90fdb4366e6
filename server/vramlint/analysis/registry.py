"""The rules in force: the built-in pack, and packs that the settings name."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from types import ModuleType

from vramlint.lint.rule import Deferred, Entry, Rule

GROUP = "vramlint.rules"
"""The entry point group of rule packs. A pack is a module with `RULES`, an iterable of Rule classes; one that
is in it as `Deferred` is imported only where it can apply.
"""


class PackMissing(Exception):
    """A rule pack named in the settings is not installed, or is not a rule pack."""


@cache
def entries() -> tuple[Entry, ...]:
    """The rules that come with vramlint, by code. Imported at the call: the pack imports this package."""
    return _entries(importlib.import_module("vramlint_rules"))


def built_in() -> tuple[Rule, ...]:
    """The same, each of them imported."""
    return tuple(entry.load() for entry in entries())


@cache
def pack(distribution: str) -> tuple[Entry, ...]:
    """The rules of an installed distribution."""
    from importlib import metadata  # imported late: few settings name packs

    try:
        points = metadata.distribution(distribution).entry_points
        rules = tuple(rule for point in points if point.group == GROUP for rule in _entries(point.load()))
    except metadata.PackageNotFoundError:
        raise PackMissing(f"rule pack '{distribution}' is not installed") from None
    except Exception as error:  # a pack is other people's code: its import may raise anything
        raise PackMissing(f"rule pack '{distribution}' cannot be loaded: {error}") from error
    if not rules:
        raise PackMissing(f"'{distribution}' is installed, but has no rules (entry point group {GROUP})")
    return rules


def rules_in_force(packs: Iterable[str] = ()) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """The built-in rules with those of `packs`, and what is wrong with the packs."""
    rules, problems = list(entries()), []
    for name in packs:
        if _plain(name) == "vramlint":
            continue
        try:
            rules += pack(name)
        except PackMissing as problem:
            problems.append(str(problem))
    return tuple(rules), tuple(problems)


def find_rule(code_or_name: str, packs: Iterable[str] = ()) -> Rule | None:
    """The rule of a code (VL101) or a name (does-not-fit)."""
    wanted = code_or_name.strip()
    for rule in rules_in_force(packs)[0]:
        if wanted.upper() == rule.code or wanted.lower() == rule.name:
            return rule.load()
    return None


def unknown_selectors(setting: str, entries: Iterable[str], rules: Iterable[Entry]) -> tuple[str, ...]:
    """What is wrong with the entries that name no rule: a typo there would switch the gate off."""
    known = [word for rule in rules for word in (rule.code, rule.name)]
    return tuple(_unknown_selector(setting, entry, known) for entry in entries if not _selects(entry, known))


def _selects(entry: str, known: Iterable[str]) -> bool:
    if entry.upper() == "ALL":
        return True
    return bool(entry) and any(word.startswith(entry.upper()) or word == entry.lower() for word in known)


_LOOK_ALIKE = str.maketrans("OIL", "011")
"""Letters that are typed for digits."""


def _unknown_selector(setting: str, entry: str, known: Sequence[str]) -> str:
    from vramlint.catalog.nearest import nearest  # imported late: only a typo needs it

    codes = [word for word in known if word.isupper()]
    digits = entry.upper()[:2] + entry.upper()[2:].translate(_LOOK_ALIKE)
    close = [digits] if digits in codes else nearest(entry.upper(), codes, 1) or nearest(entry, known, 1)
    hint = f"did you mean {close[0]}?" if close else "`vramlint explain` lists them"
    return f"`{setting}`: '{entry}' is not the code, the prefix of a code or the name of a rule; {hint}"


def _entries(module: ModuleType) -> tuple[Entry, ...]:
    rules: Iterable[Entry] = (rule if isinstance(rule, Deferred) else rule() for rule in module.RULES)
    return tuple(sorted(rules, key=lambda rule: rule.code))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
