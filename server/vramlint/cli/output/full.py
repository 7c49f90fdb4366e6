"""For people.

The finding, the lines it speaks of with carets below the keys, and the fixes that were checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vramlint.cli.console import Paint
from vramlint.cli.output.concise import STYLES, headline, summary
from vramlint.cli.report import Annotation, FileReport, Placed, pairs
from vramlint.lint.inert import inert_line

if TYPE_CHECKING:
    from vramlint.document import LineIndex, Span

WIDEST_LINE = 160
"""Longer source lines are cut: a data line of a thousand columns helps nobody."""


def render(reports: Sequence[FileReport], paint: Paint) -> str:
    """All findings, an empty line after each, and the sum."""
    blocks = ["\n".join(_block(report, placed, paint)) for report, placed in pairs(reports)]
    return "\n\n".join([*blocks, summary(reports)])


def _block(report: FileReport, placed: Placed, paint: Paint) -> Iterator[str]:
    yield headline(report, placed, paint)
    yield from _excerpt(report.text, report.lines(), placed, paint)
    for note in placed.related:
        if note.path is not None:
            yield f"    {note.path}: {note.message}"
    for fix in placed.finding.fixes:
        yield f"    {'fix' if fix.safe else 'unsafe fix'}: {fix.title}"


def _excerpt(text: str, lines: LineIndex, placed: Placed, paint: Paint) -> Iterator[str]:
    """The source lines of the finding and of the places it names, in order, each with its marks below."""
    marks: dict[int, list[tuple[int, int, str, str]]] = {}
    places = [Annotation(placed.span, ""), *(note for note in placed.related if note.path is None)]
    for index, place in enumerate(places):
        row, start, length = _columns(lines, place.span)
        marks.setdefault(row, []).append((start, length, "-" if index else "^", place.message))
    gutter = len(str(max(marks) + 1))
    last = None
    for row in sorted(marks):
        if last is not None and row > last + 1:
            yield f"  {'':>{gutter}} …"
        last = row
        span = lines.line_span(row)
        source = text[span.start : span.end].rstrip("\r\n")
        yield f"  {row + 1:>{gutter}} | {_cut(inert_line(source))}".rstrip()
        for start, length, sign, message in sorted(marks[row], key=lambda mark: mark[2] != "^"):
            pad = "".join(
                "\t" if character == "\t" else " " * _cells(character) for character in source[:start]
            )
            under = sign * max(1, sum(map(_cells, source[start : start + length])))
            style = STYLES[placed.finding.severity]
            drawn = paint(style, under) if sign == "^" else under
            if len(pad) + len(under) <= WIDEST_LINE:
                yield f"  {'':>{gutter}} | {pad}{drawn} {message}".rstrip()


def _columns(lines: LineIndex, span: Span) -> tuple[int, int, int]:
    """Line, first column and length of the part of the span that stands in its first line."""
    row, start = lines.line_character(span.start, "utf-32")
    end_row, end = lines.line_character(span.end, "utf-32")
    if end_row > row:
        whole = lines.line_span(row)
        end = whole.end - whole.start
    return row, start, end - start


def _cut(source: str) -> str:
    return source if len(source) <= WIDEST_LINE else source[: WIDEST_LINE - 1] + "…"


def _cells(character: str) -> int:
    """Columns that a character takes in a terminal."""
    if character.isascii():
        return 1
    from unicodedata import combining, east_asian_width

    return 0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1
