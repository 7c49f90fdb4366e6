"""Fixes that make a job fit, each checked by analysing the edited file again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice

from vramlint.dialects.kit.dialect import Changes
from vramlint.lint.context import Rechecked, RuleContext
from vramlint.lint.editing import edits_of_changes
from vramlint.lint.finding import Fix
from vramlint.lint.format import gib

_MOST_FIXES = 4
_MOST_TRIES = 12


def checked_fixes(context: RuleContext) -> Iterator[Fix]:
    """Fixes after which the file fits and no rule finds anything new, the smallest change first."""
    job, capacity, estimate = context.job, context.capacity, context.estimate
    if job is None or capacity is None or estimate is None:
        return

    from vramlint.advice import suggest  # imported late: most files fit

    def expressible(changes: Changes) -> bool:
        return bool(context.dialect and context.dialect.edits(context.values, job, changes))

    @cache
    def before() -> set[str]:
        """Asked for late: what fits has usually nothing left to complain of."""
        return _complaints(context.recheck(()))

    found = 0
    for advice in islice(suggest(job, capacity, expressible), _MOST_TRIES):
        edits = edits_of_changes(context, advice.changes)
        after = context.recheck(edits) if edits else None
        if edits is None or after is None or after.estimate is None or after.verdict != "fits":
            continue
        complaints = _complaints(after)
        if complaints and not complaints <= before():
            continue
        sizes = f"{gib(estimate.device_bytes)} → {gib(after.estimate.device_bytes)} GiB"
        title = f"{advice.title}: {sizes}, fits"
        yield Fix(title, edits, advice.safe, after.estimate.device_bytes, after.verdict)
        found += 1
        if found == _MOST_FIXES:
            return


def _complaints(analysis: Rechecked) -> set[str]:
    """The codes of what the rules find at warning level and above."""
    return {finding.code for finding in analysis.findings if finding.severity in ("error", "warning")}
