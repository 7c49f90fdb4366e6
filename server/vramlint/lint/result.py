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
    def companions(self) -> tuple[str, ...]:
        """Other files that its runs read, as shown."""
        readings = (each.reading for each in (self, *self.others))
        return tuple(dict.fromkeys(name for each in readings if each for name in each.companions))

    def span(self, at: At) -> Span:
        """The place of a finding in the text."""
        return span_of(self.document, at)
