"""What `check` found, in the form that every output format prints.

Plain data: it crosses from worker processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.finding import Finding
from vramlint.project.severity import SEVERITIES, Severity

if TYPE_CHECKING:  # a run that finds nothing loads no parser and no memory model
    from vramlint.document import LineIndex, Span
    from vramlint.memory.estimate import Verdict


@dataclass(frozen=True, slots=True)
class Annotation:
    """Another place that takes part.

    `path` is another file's; `span` is empty at 0 there where the place is unknown.
    """

    span: Span
    message: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding with its place in the text."""

    finding: Finding
    span: Span
    related: tuple[Annotation, ...] = ()


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file.

    `path` as it was given; `text` is empty where nothing was found; `failure` says why the file could not be
    read.
    """

    path: str
    dialect: str | None = None
    verdicts: tuple[Verdict, ...] = ()
    """Of each run that the file describes, the one that fits least first."""
    device_bytes: int | None = None
    text: str = ""
    findings: tuple[Placed, ...] = ()
    fixed: int = 0
    """How many fixes were applied."""
    companions: tuple[str, ...] = ()
    """Other files that its run reads, as shown."""
    change: str = ""
    """With `--diff`: what the fixes change."""
    failure: str | None = None
    invalid_settings: bool = False
    """What the settings ask for could not be done, so that the findings are not those that were asked for."""
    incomplete: bool = False
    """A part of vramlint failed on it, so that findings may be missing."""

    @property
    def verdict(self) -> Verdict | None:
        """Of the run that fits least; None where the file describes none."""
        return self.verdicts[0] if self.verdicts else None

    @property
    def untrusted(self) -> bool:
        """Whether the findings are not all that should have been looked for: the run itself failed."""
        return bool(self.failure) or self.invalid_settings or self.incomplete

    def lines(self) -> LineIndex:
        """Turns offsets into lines and columns."""
        return _lines(self.text)


@lru_cache(maxsize=1)
def _lines(text: str) -> LineIndex:
    """Of the file that is printed: each of its findings asks."""
    from vramlint.document import LineIndex

    return LineIndex(text)


def pairs(reports: Iterable[FileReport]) -> Iterator[tuple[FileReport, Placed]]:
    """Every finding with its file."""
    return ((report, placed) for report in reports for placed in report.findings)


def at_or_above(reports: Iterable[FileReport], level: Severity) -> bool:
    """Whether something was found that is as severe as `level`, or more."""
    failing = SEVERITIES[: SEVERITIES.index(level) + 1]
    return any(placed.finding.severity in failing for _, placed in pairs(reports))


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 file, 2 files."""
    return f"{number} {noun}" if number == 1 or noun == "information" else f"{number} {noun}s"
