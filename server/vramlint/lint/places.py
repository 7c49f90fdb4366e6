"""Where a finding is in the text."""

from __future__ import annotations

from vramlint.document import PROGRAMS, Document
from vramlint.document.node import Span
from vramlint.lint.finding import At


def span_of(document: Document, at: At) -> Span:
    """The place of a finding in the text; of a key that is not there, its deepest ancestor that is."""
    if at.span is not None:
        return at.span
    if document.language in PROGRAMS and document.root is not None and (at.part == "file" or not at.key):
        return document.nearest_span(())  # the call that starts the run
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
