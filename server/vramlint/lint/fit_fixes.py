"""Fixes that make a job fit, each checked by analysing the edited file again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Literal, TypeAlias

from vramlint.dialects.kit.dialect import Changes, SetKey
from vramlint.document.edit import TextEdit
from vramlint.lazy_dataclasses import dataclass, field
from vramlint.lint.context import Rechecked, RuleContext
from vramlint.lint.editing import edits_of_keys
from vramlint.lint.finding import Fix
from vramlint.lint.format import gib
from vramlint.lint.rereading import estimate_after, for_a_search
from vramlint.memory.estimate import Estimate, Verdict

if TYPE_CHECKING:  # most files fit, and need no advice
    from vramlint.advice.advise import Advice
    from vramlint.advice.search import Answer

Grown: TypeAlias = Literal["micro_batch_size", "sequence_length"]
_MOST_FIXES = 3
_MOST_CHECKS = 40
"""Edited files that are analysed in a search."""


@dataclass(frozen=True, slots=True)
class WayToFit:
    """Changes after which the file, edited and read again, fits, and no rule finds anything new.

    `keys` are what the edits write.
    """

    advice: Advice
    keys: tuple[SetKey, ...]
    edits: tuple[TextEdit, ...]
    device_bytes: int
    verdict: Verdict

    @property
    def title(self) -> str:
        """All moves in words."""
        return self.advice.title

    @property
    def safe(self) -> bool:
        """Whether what is trained stays the same."""
        return self.advice.safe


@dataclass(slots=True)
class Tries:
    """The tries of one search: values read again for each candidate, the edited file for those that fit."""

    context: RuleContext
    done: dict[str, WayToFit] = field(default_factory=dict)
    checks: int = 0
    most_checks: int = _MOST_CHECKS
    _before: set[str] | None = None

    def keys(self, changes: Changes) -> tuple[SetKey, ...] | None:
        """The keys that say some changes; None where the file cannot."""
        context = self.context
        if context.dialect is None or context.job is None or not context.document.takes_keys:
            return None
        return context.dialect.edits(context.values, context.job, changes) or None

    def estimate(self, changes: Changes) -> Estimate | None:
        """What the run needs after changes, without touching the text."""
        self.context.proceed()
        if not changes:
            return self.context.estimate
        keys = self.keys(changes)
        return None if keys is None else estimate_after(self.context, keys)

    def confirm(self, advice: Advice) -> Answer:
        """Whether the edited file fits, and no rule finds anything new in it."""
        self.context.proceed()
        keys = self.keys(advice.changes)
        edits = edits_of_keys(self.context.document, keys) if keys else None
        if not keys or not edits or self.checks >= self.most_checks:
            return "refused"
        self.checks += 1
        after = self.context.recheck(edits)
        if after.estimate is None:
            return "refused"
        by_count = after.estimate.rough.verdict(self.context.capacity) == "fits"
        if by_count and not after.fits:
            return "too-large"
        complaints = _complaints(after)
        if complaints and not complaints <= self._known():
            return "refused"
        if not by_count and not after.fits:
            return "too-large"
        needed = after.estimate.device_bytes
        self.done[advice.title] = WayToFit(advice, keys, edits, needed, after.verdict)
        return "enough"

    def _known(self) -> set[str]:
        """What the rules find in the file as it is, which few searches have to ask."""
        if self._before is None:
            self._before = _complaints(self.context.recheck(()))
        return self._before


def ways_to_fit(context: RuleContext) -> Iterator[WayToFit]:
    """The one search that `fit`, `check` and the editor share: the least harmful change first."""
    job, capacity = context.job, context.capacity
    if job is None or capacity is None or context.dialect is None:
        return
    from vramlint.advice.advise import suggest  # imported late: most files fit

    tries = Tries(for_a_search(context))

    def expressible(changes: Changes) -> bool:
        return tries.keys(changes) is not None

    for advice in suggest(job, capacity, expressible, tries.estimate, tries.confirm):
        yield tries.done[advice.title]


def largest_ways(context: RuleContext, field_name: Grown) -> Iterator[WayToFit]:
    """The largest value of a field that fits, written into the file, where the file has another: of micro
    batches the one that keeps the batch of a step, and the largest of all.
    """
    job, capacity, tries = context.job, context.capacity, Tries(context)
    if job is None or capacity is None or context.dialect is None:
        return
    from vramlint.advice.advise import advice_of  # imported late: only `fit --maximize` gets here
    from vramlint.advice.growth import larger_batches, longer_sequences

    grown = larger_batches if field_name == "micro_batch_size" else longer_sequences
    for candidates in grown(job, capacity):
        for move in candidates:
            if move.changes[field_name] == getattr(job, field_name):
                if context.verdict == "fits":
                    break
                continue
            advice = advice_of(job, (move,), tries.estimate)
            if advice is not None and tries.confirm(advice) == "enough":
                yield tries.done[advice.title]
                break


def partial_savings(context: RuleContext) -> tuple[Advice, ...]:
    """What each known way saves by itself, where nothing is enough."""
    job, estimate = context.job, context.estimate
    if job is None or estimate is None or context.dialect is None:
        return ()
    from vramlint.advice.advise import savings  # imported late: most files fit

    tries = Tries(context)
    return savings(job, estimate, lambda changes: tries.keys(changes) is not None, tries.estimate)


def checked_fixes(context: RuleContext) -> Iterator[Fix]:
    """The first ways to fit, as fixes of a finding."""
    estimate = context.estimate
    if estimate is None:
        return
    for way in islice(ways_to_fit(context), _MOST_FIXES):
        title = f"{way.title}: {gib(estimate.device_bytes)} → {gib(way.device_bytes)} GiB, fits"
        yield Fix(title, way.edits, way.safe, way.device_bytes, way.verdict)


def _complaints(analysis: Rechecked) -> set[str]:
    """The codes of what the rules find at warning level and above, but for whether it fits."""
    grave = (finding for finding in analysis.findings if finding.severity in ("error", "warning"))
    return {finding.code for finding in grave if finding.code not in ("VL101", "VL102")}
