"""Findings that comments silence, and comments that silence nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vramlint.document import Document
from vramlint.document.node import Span
from vramlint.lint.directives import Suppression
from vramlint.lint.finding import At, Finding


def span_of(document: Document, at: At) -> Span:
    """The place of a finding in the text; of a key that is not there, its deepest ancestor that is."""
    if at.span is not None:
        return at.span
    if at.part == "file" or at.document is not None or not at.key:
        return document.lines.line_span(0) if not at.key else document.nearest_span(at.key[:1])
    if at.part == "pair":
        key, value = document.key_span(at.key), document.value_span(at.key)
        span = Span(key.start, value.end) if key and value else key or value
    elif at.part == "key":
        span = document.key_span(at.key)
    else:
        span = document.value_span(at.key)
        if span is not None and span.start == span.end:
            span = document.key_span(at.key)
    return span or document.nearest_span(at.key)


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
            if suppression.line in (None, line) and suppression.covers(finding.code, finding.name)
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
