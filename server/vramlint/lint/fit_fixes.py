"""Fixes that make a job fit, each checked by analysing the edited file again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice

from vramlint.dialects.kit.dialect import Changes, SetKey
from vramlint.dialects.kit.edits import with_keys
from vramlint.document.edit import TextEdit
from vramlint.lazy_dataclasses import dataclass
from vramlint.lint.context import Rechecked, RuleContext
from vramlint.lint.editing import edits_of_keys
from vramlint.lint.finding import Fix
from vramlint.lint.format import gib
from vramlint.memory.estimate import CannotEstimate, Verdict

_MOST_FIXES = 3
_MOST_TRIES = 20
_LONG = 10_000
"""Code points. Reading a longer text again costs more than estimating its values first."""


@dataclass(frozen=True, slots=True)
class WayToFit:
    """Changes after which the file, edited and read again, fits, and no rule finds anything new.

    `safe`: what is trained stays the same. `keys` are what the edits write.
    """

    title: str
    safe: bool
    keys: tuple[SetKey, ...]
    edits: tuple[TextEdit, ...]
    device_bytes: int
    verdict: Verdict


def ways_to_fit(context: RuleContext) -> Iterator[WayToFit]:
    """The one search behind `fit`, `check` and the editor: the smallest change first."""
    job, capacity, dialect, values = context.job, context.capacity, context.dialect, context.values
    if job is None or capacity is None or dialect is None:
        return

    from vramlint.advice import suggest  # imported late: most files fit

    def expressible(changes: Changes) -> bool:
        return bool(dialect.edits(values, job, changes))

    @cache
    def before() -> set[str]:
        """Asked for late: what fits has usually nothing left to complain of."""
        return _complaints(context.recheck(()))

    for advice in islice(suggest(job, capacity, expressible, context.estimate), _MOST_TRIES):
        keys = dialect.edits(values, job, advice.changes)
        if not keys or (len(context.document.text) > _LONG and not _may_fit(context, keys)):
            continue
        edits = edits_of_keys(context.document, keys)
        after = context.recheck(edits) if edits else None
        if not edits or after is None or after.estimate is None or not after.fits:
            continue
        complaints = _complaints(after)
        if not complaints or complaints <= before():
            needed = after.estimate.device_bytes
            yield WayToFit(advice.title, advice.safe, keys, edits, needed, after.verdict)


def _may_fit(context: RuleContext, keys: tuple[SetKey, ...]) -> bool:
    """Whether the run fits with these keys, as far as their values say without reading the text again."""
    from vramlint.memory import estimate_job  # imported late: most files fit

    if context.dialect is None or context.dialect_context is None:
        return True
    reading = context.dialect.read(with_keys(context.values, keys), context.dialect_context)
    if reading.job is None:
        return False
    try:
        return estimate_job(reading.job).rough.verdict(context.capacity) == "fits"
    except CannotEstimate:
        return False


def checked_fixes(context: RuleContext) -> Iterator[Fix]:
    """The first ways to fit, as fixes of a finding."""
    estimate = context.estimate
    if estimate is None:
        return
    for way in islice(ways_to_fit(context), _MOST_FIXES):
        title = f"{way.title}: {gib(estimate.device_bytes)} → {gib(way.device_bytes)} GiB, fits"
        yield Fix(title, way.edits, way.safe, way.device_bytes, way.verdict)


def _complaints(analysis: Rechecked) -> set[str]:
    """The codes of what the rules find at warning level and above."""
    return {finding.code for finding in analysis.findings if finding.severity in ("error", "warning")}
