"""Fixes that a rule works out when somebody asks for them: written, read and estimated again."""

from __future__ import annotations

from collections.abc import Iterator

from vramlint.dialects.kit.dialect import Changes
from vramlint.lint.context import RuleContext
from vramlint.lint.editing import edits_of_changes
from vramlint.lint.finding import Fix
from vramlint.lint.format import gib


def checked(context: RuleContext, changes: Changes, title: str, *, safe: bool) -> Iterator[Fix]:
    """The fix that writes `changes` of the job, where the file can say them and the run then needs less.

    `safe`: what is trained stays the same.
    """
    edits = edits_of_changes(context, changes)
    after = context.recheck(edits) if edits else None
    if edits is None or after is None or after.estimate is None or context.estimate is None:
        return
    before, needed = context.estimate.device_bytes, after.estimate.device_bytes
    if needed < before:
        yield Fix(f"{title}: {gib(before)} → {gib(needed)} GiB", edits, safe, needed, after.verdict)
