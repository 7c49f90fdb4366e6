"""Inlay hints: each key's share at the end of its line; of several runs that a line decides, that of the run
that fits least.
"""

from __future__ import annotations

from lsprotocol import types

from vramlint.explain.lines import key_shares
from vramlint.lsp.session import Session
from vramlint.lsp.view import View


def inlay_hints(session: Session, view: View, params: types.InlayHintParams) -> list[types.InlayHint]:
    """The shares of the keys in a range. None while the text is broken: lines may have moved."""
    if view.stale:
        return []
    hints: dict[int, types.InlayHint] = {}
    shares = ((run.document, *each) for run in view.analysis.runs for each in key_shares(run))
    for document, path, share in shares:
        span = document.value_span(path)
        if span is None or not view.shows(span):
            continue
        end = view.document.lines.line_span(view.document.lines.line(span.start)).end
        position = view.position(end)
        if params.range.start.line <= position.line <= params.range.end.line:
            hints.setdefault(end, types.InlayHint(position, label=f"⟶ {share}", padding_left=True))
    return list(hints.values())
