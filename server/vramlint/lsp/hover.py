"""Hover: what the key under the cursor costs."""

from __future__ import annotations

import re

from lsprotocol import types

from vramlint.catalog.gpus import all_gpus
from vramlint.document.node import KeyPath, Span
from vramlint.explain.gpu import explain_gpu
from vramlint.explain.key import explain_key, explain_other_key, merged_into, row_of
from vramlint.explain.model import explain_model
from vramlint.lint.finding import Finding
from vramlint.lsp.pages import rule_page
from vramlint.lsp.session import Session
from vramlint.lsp.view import View

STALE = "_the text says too little right now: these are the figures of the last one that said enough_"
_MARKUP = re.compile(r"(\\[!-/:-@\[-`{-~])|\*\*|`|(?<!\w)_|_(?!\w)")
_RULE = re.compile(r"[|:-]{3,}")


def hover(session: Session, view: View, params: types.HoverParams) -> types.Hover | None:
    """The hover at a position, or None where nothing there has to do with memory."""
    offset = view.offset(params.position)
    view = view.of(view.analysis.run_at(offset))
    explained = _directive(view, offset) or _key(session, view, offset)
    if explained is None:
        return None
    text, span = explained
    if view.stale:
        text = f"{STALE}\n\n{text}"
    if view.client.markdown and (links := _rule_links(view, span)):
        text = f"{text}\n\n{links}"
    content = (
        types.MarkupContent(types.MarkupKind.Markdown, text)
        if view.client.markdown
        else types.MarkupContent(types.MarkupKind.PlainText, plain(text))
    )
    return types.Hover(content, view.range(span))


def _directive(view: View, offset: int) -> tuple[str, Span] | None:
    """The GPU named in a comment."""
    gpu = view.analysis.directives.gpu
    if gpu is None:
        return None
    line = view.document.lines.line
    if line(gpu[1].start) != line(offset):
        return None
    comment = next((comment for comment in view.document.comments if _holds(comment.span, offset)), None)
    return None if comment is None else (explain_gpu(view.shown, all_gpus()), comment.span)


def _key(session: Session, view: View, offset: int) -> tuple[str, Span] | None:
    """The key whose pair the offset is in."""
    dialect = view.dialect
    place = view.document.place_at(offset)
    if place is None or dialect is None:
        return None
    written, row = row_of(dialect, place.path)
    path = written
    if row is None and (merged := merged_into(view.document, dialect, place.path)):
        path, row = merged
        written = place.path
    span = view.document.key_span(written)
    if span is None:  # a table of TOML that is in none of its own
        written = path = place.path
        span = view.document.key_span(written)
    if span is None:
        return None
    ignored = _ignored(view, path)
    if row is None or ignored is not None:
        text = explain_other_key(view.shown, path, ignored)
        return None if text is None else (text, span)
    if row.field == "model":
        return explain_model(view.shown, row), span
    if row.field == "gpu":
        return explain_gpu(view.shown, all_gpus()), span
    unfit = view.unfit
    fixes = (session.known_fixes(view.uri, unfit) or ()) if unfit else ()
    return session.once(
        view.uri, (path, span, bool(fixes)), lambda: explain_key(view.shown, row, path, fixes)
    ), span


def _rule_links(view: View, span: Span) -> str:
    """Links to the pages of the rules that speak at this key."""
    line = view.document.lines.line
    here = (
        finding
        for finding in view.analysis.findings
        if line(view.analysis.span(finding.at).start) == line(span.start)
    )
    pages = {f"{finding.code} {finding.name}": rule_page(finding.code) for finding in here}
    return " · ".join(f"[{title}]({page})" for title, page in pages.items() if page)


def _ignored(view: View, path: KeyPath) -> Finding | None:
    """The finding that says of a key, or of the section that it is in, that it has no effect."""
    said = {
        finding.at.key: finding
        for finding in reversed(view.analysis.findings)
        if finding.at.key and (finding.unnecessary or finding.name == "unknown-key")
    }
    inwards = (path[:depth] for depth in range(1, len(path) + 1))
    return next((said[section] for section in inwards if section in said), None)


def _holds(span: Span, offset: int) -> bool:
    return span.start <= offset <= span.end


def _kept(found: re.Match[str]) -> str:
    """What is left of a piece of markup: the character that was escaped."""
    return found[1][1] if found[1] else ""


def plain(markdown: str) -> str:
    """The text without its markup, for clients that show none."""
    lines = (_MARKUP.sub(_kept, line) for line in markdown.splitlines() if not _RULE.fullmatch(line))
    return "\n".join(re.sub(r"\s*\|\s*", "  ", line).strip() for line in lines)
