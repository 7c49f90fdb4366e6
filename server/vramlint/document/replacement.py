"""Text in the place of a span: what edits of scripts and programs are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vramlint.document.node import Span


class Replacement(NamedTuple):
    """The text that takes the place of `span`."""

    span: Span
    text: str


def replaced(text: str, found: Iterable[Replacement]) -> str:
    """The text after all of them, from its end to its beginning: their spans count in the text before."""
    for span, new in sorted(found, key=lambda each: each.span, reverse=True):
        text = text[: span.start] + new + text[span.end :]
    return text
