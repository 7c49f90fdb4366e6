"""Findings that comments suppress, and comments that suppression_edit nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vramlint.document import Document
from vramlint.lint.directives import Suppression
from vramlint.lint.finding import Finding
from vramlint.lint.places import span_of


def split(
    document: Document, findings: Iterable[Finding], suppressions: tuple[Suppression, ...]
) -> tuple[list[Finding], list[Finding], list[Suppression]]:
    """The findings that remain, those that are silenced, and the suppressions that silenced one."""
    if not suppressions:
        return list(findings), [], []
    remaining: list[Finding] = []
    silenced: list[Finding] = []
    served: dict[int, Suppression] = {}
    for finding in findings:
        line = document.lines.line_character(span_of(document, finding.at).start)[0]
        covering = [
            suppression
            for suppression in suppressions
            if suppression.line in (None, line)
            and not finding.always
            and suppression.covers(finding.code, finding.name)
        ]
        served.update((id(suppression), suppression) for suppression in covering)
        (silenced if covering else remaining).append(finding)
    return remaining, silenced, list(served.values())


def unused(
    suppressions: Iterable[Suppression],
    served: Iterable[Suppression],
    judged: Callable[[Suppression], bool],
) -> tuple[Suppression, ...]:
    """The suppressions that silenced nothing though the rules they name were judged."""
    used = {id(suppression) for suppression in served}
    return tuple(s for s in suppressions if id(s) not in used and judged(s))
