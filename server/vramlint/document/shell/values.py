"""What a word or a variable is worth: pieces of text, each with the place that decides it, some open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from vramlint.document.node import Span
from vramlint.document.place import How, Piece, Place, Snippet


class Fragment(NamedTuple):
    """A piece of a value. `text` is None where it is open, and `why` says why.

    `quoted`: it is not split into words. `absent`: it is open because nothing here sets it, so that a default
    holds.
    """

    text: str | None
    place: Place
    how: How = "literal"
    quoted: bool = False
    why: str = ""
    absent: bool = False


Value: TypeAlias = tuple[Fragment, ...]


class Variable(NamedTuple):
    """What a name stands for; `items` of an array. `exported`: programs see it."""

    value: Value
    items: tuple[Value, ...] | None = None
    exported: bool = False


def text_of(value: Value) -> str | None:
    """The text of a value; None where a piece is open."""
    parts = [fragment.text for fragment in value]
    return None if None in parts else "".join(part for part in parts if part is not None)


def pattern_of(value: Value) -> str:
    """The text of a value in which "*" stands for what is open."""
    return "".join("*" if fragment.text is None else fragment.text for fragment in value)


def why_open(value: Value) -> str:
    """Why a value is open; empty where it is not."""
    return next((fragment.why or "not known here" for fragment in value if fragment.text is None), "")


def is_absent(value: Value) -> bool:
    """Whether nothing here sets any of it."""
    return bool(value) and all(fragment.text is None and fragment.absent for fragment in value)


def how_of(value: Value) -> How:
    """How the value came about: what is least direct in it."""
    found: list[How] = [fragment.how for fragment in value if fragment.how != "literal"]
    return found[0] if found else "literal"


def cut(fragment: Fragment, start: int, end: int) -> Fragment:
    """A part of a known fragment, by offsets in its text."""
    text = fragment.text or ""
    span = fragment.place.span
    if span.end - span.start == len(text):
        span = Span(span.start + start, span.start + end)
    return fragment._replace(text=text[start:end], place=fragment.place._replace(span=span))


def part(value: Value, start: int, end: int) -> Value:
    """A part of a value, by offsets in `marked`."""
    found: list[Fragment] = []
    at = 0
    for fragment in value:
        length = 1 if fragment.text is None else len(fragment.text)
        first, last = max(start - at, 0), min(end - at, length)
        if first < last:
            found.append(fragment if fragment.text is None else cut(fragment, first, last))
        at += length
    return tuple(found)


def marked(value: Value) -> str:
    """The text of a value in which one NUL, which no word can hold, stands for each piece that is open."""
    return "".join("\0" if fragment.text is None else fragment.text for fragment in value)


def split(value: Value) -> Iterator[Value]:
    """The words of a value that is not quoted, as the shell splits them."""
    word: list[Fragment] = []
    started = False
    for fragment in value:
        if fragment.quoted or fragment.text is None:
            word.append(fragment)
            started = True
            continue
        at = 0
        while at < len(fragment.text):
            end = at
            while end < len(fragment.text) and not fragment.text[end].isspace():
                end += 1
            if end > at:
                word.append(cut(fragment, at, end))
                started = True
            if end < len(fragment.text) and started:
                yield tuple(word)
                word, started = [], False
            at = end + 1
    if started:
        yield tuple(word)


_OPEN = 0xF0000
"""The first of the private characters that stand for open pieces while a value is read as shell text."""


def as_snippet(value: Value) -> tuple[Snippet, dict[str, Fragment]]:
    """The value as text that is read again (`eval`, `bash -c`, a heredoc), and the open piece that each
    private character in it stands for.
    """
    text = ""
    pieces: list[Piece] = []
    opened: dict[str, Fragment] = {}
    for fragment in value or (Fragment("", Place(Span(0, 0))),):
        written = fragment.text
        if written is None:
            written = chr(_OPEN + len(opened))
            opened[written] = fragment
        span = fragment.place.span
        pieces.append(Piece(len(text), fragment.place, span.end - span.start == len(written)))
        text += written
    return Snippet(text, tuple(pieces)), opened


def requoted(value: Iterable[Fragment], *, quoted: bool, how: How | None = None) -> Value:
    """The same value where it is used: in quotes or not, and how it came there."""
    return tuple(
        fragment._replace(quoted=quoted, how=how if how and fragment.how == "literal" else fragment.how)
        for fragment in value
    )


def spaced(words: list[Value], end: str = "") -> Value:
    """The words as one value with spaces between."""
    found: list[Fragment] = []
    for word in words:
        if found:
            place = found[-1].place
            at = place.span.end
            found.append(Fragment(" ", place._replace(span=Span(at, at))))
        found.extend(word)
    if end and found:
        found.append(Fragment(end, found[-1].place._replace(span=Span(*[found[-1].place.span.end] * 2))))
    return tuple(found)
