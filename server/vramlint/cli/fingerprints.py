"""What tells a finding from others while its file changes: path, rule and key, never line or figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256

from vramlint.cli.report import FileReport, Placed, pairs
from vramlint.lint.format import key_text


def fingerprinted(
    reports: Iterable[FileReport], path: Callable[[str], str] = str
) -> Iterator[tuple[FileReport, Placed, str]]:
    """Every finding with its file and its fingerprint. `path` turns the path of a report into the one to
    keep; findings of one rule at one key are told apart by their order.
    """
    seen: Counter[str] = Counter()
    for report, placed in pairs(reports):
        identity = f"{path(report.path)}:{placed.finding.code}:{key_text(placed.finding.at.key)}"
        seen[identity] += 1
        text = f"{identity}:{seen[identity]}"
        yield report, placed, sha256(text.encode(errors="surrogateescape")).hexdigest()
