"""Findings that a project lives with for now: written once, left out of later reports.

A baseline holds fingerprints, with path and rule for those who read it. Paths are seen from its own folder,
so that it holds wherever vramlint is started.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from vramlint.analysis.registry import rules_in_force, unknown_selectors
from vramlint.cli.console import Failure
from vramlint.cli.fingerprints import fingerprinted
from vramlint.cli.report import FileReport, count
from vramlint.files import Unreadable, read_text
from vramlint.lazy_dataclasses import replace
from vramlint.project.settings import SettingsResolver

_VERSION = 1
_LARGEST = 1 << 26


def write(path: str, reports: Sequence[FileReport]) -> str:
    """Write what was found; what was written, in words. Raises Failure."""
    kept = [
        {"fingerprint": fingerprint, "path": _seen_from(path, report.path), "code": placed.finding.code}
        for report, placed, fingerprint in fingerprinted(reports, lambda shown: _seen_from(path, shown))
        if not placed.finding.always
    ]
    text = json.dumps({"version": _VERSION, "findings": kept}, indent=1)
    try:
        with open(path, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123
            file.write(f"{text}\n")
    except OSError as error:
        raise Failure(f"--generate-baseline {path}: {(error.strerror or str(error)).lower()}") from None
    return f"{path}: a baseline of {count(len(kept), 'finding')}"


def without(path: str, reports: Sequence[FileReport], resolver: SettingsResolver) -> list[FileReport]:
    """The reports without what is in a baseline. Raises Failure where there is none: one that cannot be read
    hides nothing.
    """
    known = _read(path)
    _refuse_unknown_rules(path, known.values(), reports, resolver)
    left: dict[int, list[Any]] = {id(report): [] for report in reports}
    for report, placed, fingerprint in fingerprinted(reports, lambda shown: _seen_from(path, shown)):
        if fingerprint not in known or placed.finding.always:
            left[id(report)].append(placed)
    return [replace(report, findings=tuple(left[id(report)])) for report in reports]


def _refuse_unknown_rules(
    path: str, codes: Iterable[str], reports: Iterable[FileReport], resolver: SettingsResolver
) -> None:
    """A baseline that somebody edited, or one of another release, fails the run where it names no rule."""
    packs = {pack for report in reports for pack in resolver.for_file(report.path).rules}
    for problem in unknown_selectors("code", sorted(set(codes)), rules_in_force(sorted(packs))[0]):
        raise Failure(f"--baseline {path}: {problem}")


def _read(path: str) -> dict[str, str]:
    """Rule codes by fingerprint."""
    try:
        found = json.loads(read_text(path, _LARGEST))
        if found["version"] != _VERSION:
            raise Failure(f"--baseline {path}: version {found['version']!r} is not known; generate it again")
        return {str(entry["fingerprint"]): str(entry["code"]) for entry in found["findings"]}
    except Unreadable as error:
        raise Failure(f"--baseline {path}: {error}") from None
    except (ValueError, KeyError, TypeError):
        raise Failure(f"--baseline {path}: is not a baseline; --generate-baseline writes one") from None


def _seen_from(baseline: str, path: str) -> str:
    folder = os.path.dirname(os.path.abspath(baseline))  # noqa: PTH100, PTH120
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # another drive
        return path
