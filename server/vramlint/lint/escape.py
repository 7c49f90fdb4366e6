"""Text of a file inside markup: one function a target. None lets it end what encloses it."""

from __future__ import annotations

import re
from typing import Any

from vramlint.lint.inert import inert
from vramlint.patterns import pattern

_NO_XML = pattern("[\ud800-\udfff\ufffe\uffff]")
"""What no XML document may hold, beside the controls that are escaped already."""
_MARKDOWN = pattern(r"[\\`*\[\]<>#!|~&@${}]|(?<!\w)_|_(?!\w)|(?<=:)/(?=/)|(?<=www)\.", re.IGNORECASE)
"""What begins a span, a link, HTML, an entity or an icon, and by which a bare address is linked."""


def markdown(text: str) -> str:
    """The text in Markdown, as it is read: no span, image, link, HTML or table cell begins or ends in it."""
    return _MARKDOWN.sub(r"\\\g<0>", inert(text))


def markdown_code(text: str) -> str:
    """The text as a code span, which it cannot leave."""
    shown = inert(text)
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {shown} {fence}" if longest or not shown.strip() else f"`{shown}`"


def github(text: str, more: str = "") -> str:
    """As the runner's own toolkit escapes data (and, with `more`, properties) of a workflow command."""
    text = inert(text)
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def xml(text: str) -> str:
    """Character data of XML."""
    from xml.sax.saxutils import escape  # imported late: one format alone is XML

    return escape(_NO_XML.sub("\ufffd", inert(text)))


def xml_attribute(text: str) -> str:
    """A value of XML in its quotes."""
    from xml.sax.saxutils import quoteattr

    return quoteattr(_NO_XML.sub("\ufffd", inert(text)))


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON in ASCII; `##[` in a log is a command to some runners, and `##` occurs in texts only."""
    import json  # imported late: most runs print text

    return json.dumps(value, indent=indent).replace("##", "#\\u0023")
