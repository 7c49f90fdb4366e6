"""The comments of a program, in any of its cells."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vramlint.document.language import Language
from vramlint.document.node import Span
from vramlint.document.python.cells import sources

_TOKEN = re.compile(
    r'"""(?:[^\\"]|\\.|"(?!""))*(?:"""|\Z)|'
    r"'''(?:[^\\']|\\.|'(?!''))*(?:'''|\Z)|"
    r'"(?:[^\\"\n]|\\.)*"?|'
    r"'(?:[^\\'\n]|\\.)*'?|"
    r"#[^\r\n]*",
    re.DOTALL,
)
"""A string, which may hold the mark of a comment, or a comment."""


def comment_spans(text: str, language: Language) -> Iterator[Span]:
    """Where the comments are, in the order of the text."""
    for _, snippet in sources(text, language):
        for found in _TOKEN.finditer(snippet.text):
            if found[0].startswith("#"):
                yield snippet.locate(Span(*found.span())).span
