"""What the rules found in one version of a document."""

from __future__ import annotations

from vramlint.document.node import Span
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.context import RuleContext
from vramlint.lint.finding import At, Finding
from vramlint.lint.places import span_of
from vramlint.lint.rule import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis(RuleContext):
    """A context with what the rules found, in the order of the text."""

    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Finding, ...] = ()
    """Findings that a comment silences."""
    rules: tuple[Entry, ...] = ()
    """The rules that were in force."""
    others: tuple[Analysis, ...] = ()
    """Of the other runs that the document describes."""

    @property
    def runs(self) -> tuple[Analysis, ...]:
        """Of each run that the document describes, the one that fits least first; and of the document itself
        where it starts them and says more.
        """
        return (self, *self.others)

    @property
    def run_count(self) -> int:
        """How many there are; a document that starts them is none itself."""
        return sum(run.is_run for run in self.runs)

    def run_at(self, offset: int) -> Analysis:
        """Of the run whose argument is at a place of the text, else of the one that fits least."""
        return next((run for run in self.runs if run.document.place_at(offset)), self)

    @property
    def companions(self) -> tuple[str, ...]:
        """Other files that its runs read, as shown."""
        readings = (each.reading for each in self.runs)
        return tuple(dict.fromkeys(name for each in readings if each for name in each.companions))

    def span(self, at: At) -> Span:
        """The place of a finding in the text."""
        return span_of(self.document, at)
