"""For people.

The finding, the lines it speaks of with carets below the keys, and the fixes that were checked. What is said
of many files is said once, with the names of some.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vramlint.cli.console import Paint
from vramlint.cli.output.concise import STYLES, headline, summary
from vramlint.cli.report import Annotation, FileReport, Placed, count, pairs
from vramlint.lint.finding import Fix
from vramlint.lint.inert import inert, inert_line, inert_path

if TYPE_CHECKING:
    from vramlint.document import LineIndex, Span

WIDEST_LINE = 160
"""Longer source lines are cut: a data line of a thousand columns helps nobody."""


MANY = 5
"""Files from which on a finding that is not an error is shown once for all of them."""
NAMED = 3
"""Files that are named then, beside the first."""


def render(reports: Sequence[FileReport], paint: Paint) -> str:
    """All findings, an empty line after each; then what many files share, and the sum."""
    together = _together(reports)
    gathered = {id(placed) for found in together.values() for _, placed in found}
    blocks = [
        "\n".join(_block(report, placed, paint))
        for report, placed in pairs(reports)
        if id(placed) not in gathered
    ]
    blocks += ["\n".join(_grouped(found, paint)) for found in together.values()]
    return "\n\n".join([*blocks, summary(reports)])


def _together(reports: Sequence[FileReport]) -> dict[tuple[str, ...], list[tuple[FileReport, Placed]]]:
    """The findings that are shown once: information and hints of one rule, and warnings in the same words,
    where many files have them.
    """
    groups: dict[tuple[str, ...], list[tuple[FileReport, Placed]]] = {}
    for report, placed in pairs(reports):
        finding = placed.finding
        if finding.severity == "error":
            continue
        said = (finding.message,) if finding.severity == "warning" else ()
        groups.setdefault((finding.severity, finding.code, *said), []).append((report, placed))
    return {key: found for key, found in groups.items() if len({report.path for report, _ in found}) >= MANY}


def _grouped(found: Sequence[tuple[FileReport, Placed]], paint: Paint) -> Iterator[str]:
    """The first finding of many, and the files of the others."""
    report, placed = found[0]
    yield headline(report, placed, paint)
    others = list(dict.fromkeys(other.path for other, _ in found if other.path != report.path))
    same = "the same" if len({each.finding.message for _, each in found}) == 1 else "the like"
    listed = ", ".join(inert_path(path) for path in others[:NAMED])
    rest = len(others) - NAMED
    more = f" and {count(rest, 'more file')}; --output-format concise lists all" if rest > 0 else ""
    yield f"    {same} in {listed}{more}"


def _block(report: FileReport, placed: Placed, paint: Paint) -> Iterator[str]:
    yield headline(report, placed, paint)
    yield from _excerpt(report.text, report.lines(), placed, paint)
    for note in placed.related:
        if note.path is not None:
            yield f"    {inert_path(note.path)}: {inert(note.message)}"
    for fix in placed.finding.fixes:
        yield f"    {_kind(fix)}: {inert(fix.title)}"


def _kind(fix: Fix) -> str:
    """What applying it takes: a flag, another flag, or a person."""
    return "by hand" if fix.by_hand else "fix" if fix.safe else "unsafe fix"


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
        source = text[span.start : min(span.end, span.start + WIDEST_LINE + 1)].rstrip("\r\n")
        yield f"  {row + 1:>{gutter}} | {_cut(inert_line(source))}".rstrip()
        for start, length, sign, message in sorted(marks[row], key=lambda mark: mark[2] != "^"):
            if start > WIDEST_LINE:
                continue
            pad = "".join(
                "\t" if character == "\t" else " " * _cells(character) for character in source[:start]
            )
            under = sign * max(1, sum(map(_cells, source[start : start + length])))
            style = STYLES[placed.finding.severity]
            drawn = paint(style, under) if sign == "^" else under
            if len(pad) + len(under) <= WIDEST_LINE:
                yield f"  {'':>{gutter}} | {pad}{drawn} {message}".rstrip()


def _columns(lines: LineIndex, span: Span) -> tuple[int, int, int]:
    """Line, first column and length of the part of the span that is in its first line."""
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
