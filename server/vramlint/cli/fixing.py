"""`check --fix` and `--diff`.

Apply fixes one at a time, each to the text that the one before left, and look again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from difflib import unified_diff
from pathlib import Path

from vramlint.analysis.analyse import fixes_for
from vramlint.cli.prefilter import STDIN
from vramlint.document import Document
from vramlint.document.edit import apply_edits
from vramlint.document.node import KeyPath
from vramlint.lint.finding import Finding, Fix
from vramlint.lint.result import Analysis

MOST_FIXES = 100


def mend(analysis: Analysis, again: Callable[[Document], Analysis], unsafe: bool) -> tuple[Analysis, int]:
    """The analysis after all fixes that may be applied, and how many were.

    A finding that its fix did not end is tried once only.
    """
    tried: set[tuple[str, KeyPath, str]] = set()
    applied = 0
    while applied < MOST_FIXES:
        step = next(_steps(analysis, unsafe, tried), None)
        if step is None:
            break
        finding, fix = step
        tried.add(_identity(finding))
        document = analysis.document
        analysis = again(
            Document.parse(apply_edits(document.text, fix.edits), document.path, document.language)
        )
        applied += 1
    return analysis, applied


def _steps(
    analysis: Analysis, unsafe: bool, tried: set[tuple[str, KeyPath, str]]
) -> Iterator[tuple[Finding, Fix]]:
    for finding in analysis.findings:
        if _identity(finding) not in tried:
            yield from (
                (finding, fix)
                for fix in fixes_for(analysis, finding)
                if (fix.safe or unsafe) and fix.edits and not fix.by_hand
            )


def _identity(finding: Finding) -> tuple[str, KeyPath, str]:
    return finding.code, finding.at.key, finding.message


def write(path: str, text: str) -> None:
    """Put the mended text where it came from; line ends stay as they are."""
    if path == STDIN:
        sys.stdout.write(text)
    else:
        Path(path).write_bytes(text.encode())


def diff(path: str, before: str, after: str) -> str:
    """The change as a unified diff, ready for `patch -p0`."""
    lines = unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), path, path)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
