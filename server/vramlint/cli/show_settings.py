"""`check --show-settings`: the settings that hold for each path, and where they are from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from vramlint.lazy_dataclasses import fields
from vramlint.lint.inert import inert_path
from vramlint.lint.rule import Deferred, Rule
from vramlint.project.overrides import Overrides
from vramlint.project.settings import Settings, SettingsResolver
from vramlint.project.severity import SEVERITIES, Severity

_SHOWN = 1
"""Files of one settings file that are named; the rest has the same settings, or differs by path."""


def shown(files: Sequence[str], overrides: Overrides) -> str:
    """The settings of the files, each different set once."""
    from vramlint.analysis.registry import rules_in_force  # imported late: it loads all rules

    resolver = SettingsResolver(overrides.config, overrides.isolated)
    sets: dict[str, list[str]] = {}
    for path in files or ["."]:
        settings = overrides.over(resolver.for_file(path))
        rules, _ = rules_in_force(settings.rules)
        levels = {rule.code: _level(settings, rule) for rule in rules}
        sets.setdefault("\n".join(_lines(settings, levels)), []).append(path)
    return "\n\n".join(f"{_head(paths)}\n{text}" for text, paths in sets.items())


def _level(settings: Settings, entry: Rule | Deferred) -> Severity | None:
    """The severity of a rule's findings; None where it is off."""
    rule = entry.load() if isinstance(entry, Deferred) else entry
    if rule.opt_in and not settings.names(rule.code, rule.name):
        return None
    return settings.level(rule.code, rule.name, rule.severity)


def _head(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _SHOWN:,} more" if len(paths) > _SHOWN else ""
    return f"{', '.join(map(inert_path, paths[:_SHOWN]))}{more}"


def _lines(settings: Settings, levels: dict[str, Any]) -> Iterator[str]:
    yield f"  from: {settings.source or 'no settings file'}"
    for problem in settings.problems:
        yield f"  problem: {problem}"
    for each in fields(Settings):
        value = getattr(settings, each.name)
        if each.name not in ("source", "problems", "flags", "ignored_here", "per_path") and value:
            yield f"  {each.name.replace('_', '-')} = {json.dumps(value, default=str)}"
    off = [code for code, level in levels.items() if level is None]
    for severity in SEVERITIES:
        codes = [code for code, level in levels.items() if level == severity]
        yield f"  {severity}: {' '.join(codes) or 'none'}"
    yield f"  off: {' '.join(off) or 'none'}"
