"""Edits that write a comment, right with a byte order mark and every line ending."""

from __future__ import annotations

from vramlint.document.document import Document
from vramlint.document.edit import TextEdit, line_ending

_MARKS = {"yaml": "#", "toml": "#", "json": "//", "shell": "#", "python": "#", "notebook": "#"}
_BYTE_ORDER_MARK = "\ufeff"


def comment_mark(document: Document) -> str:
    """What starts a comment. JSON has none, but many readers of it take `//`; the parser says which do."""
    return _MARKS[document.language]


def comment_at_top(document: Document, text: str) -> TextEdit:
    """An edit that makes the comment `text` the first line."""
    start = len(_BYTE_ORDER_MARK) if document.text.startswith(_BYTE_ORDER_MARK) else 0
    if document.text.startswith("#!"):
        start = document.lines.offset(1, 0)  # after the line that names the shell
    if document.language == "notebook":
        start = _first_cell(document.text)
    return TextEdit(start, start, f"{comment_mark(document)} {text}{line_ending(document)}")


def _first_cell(text: str) -> int:
    """Where the first cell starts whose first line is not for Jupyter alone (`%%capture`)."""
    from vramlint.document.python.cells import sources  # late: few documents are notebooks

    places = (
        snippet.pieces[0].place.span.start
        for _, snippet in sources(text, "notebook")
        if not snippet.text.lstrip().startswith("%%")
    )
    return next(places, len(text))


def comment_on_line(document: Document, line: int, text: str) -> TextEdit | None:
    """An edit that adds the comment `text` at the end of a line; None where it has one."""
    if any(comment.line == line for comment in document.comments):
        return None
    span = document.lines.line_span(line)
    end = span.start + len(document.text[span.start : span.end].rstrip())
    return TextEdit(end, span.end, f"  {comment_mark(document)} {text}")


def comment_above_line(document: Document, line: int, text: str) -> TextEdit:
    """An edit that puts the comment `text` on a line of its own above a line, indented like it."""
    span = document.lines.line_span(line)
    here = document.text[span.start : span.end]
    start = span.start + (1 if here.startswith(_BYTE_ORDER_MARK) else 0)
    here = document.text[start : span.end]
    indent = here[: len(here) - len(here.lstrip())]
    return TextEdit(start, start, f"{indent}{comment_mark(document)} {text}{line_ending(document)}")
