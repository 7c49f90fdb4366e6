"""Text of a file for a message: what could move a cursor, start a line or reorder text is made visible."""

from __future__ import annotations

import re

_SPEAKS = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters: escape sequences, line feeds
    "\u2028\u2029"  # line separators
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # bidi controls ("Trojan Source", CVE-2021-42574)
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
LONGEST_MESSAGE = 2_000
"""Characters of a message; what a config says may be longer than anyone reads."""


def inert(text: str) -> str:
    """The text on one line, every control character as its escape."""
    return _SPEAKS.sub(_shown, text)


def inert_message(text: str) -> str:
    """A message, inert and of bounded length."""
    shown = inert(text)
    return shown if len(shown) <= LONGEST_MESSAGE else shown[: LONGEST_MESSAGE - 1] + "…"


def inert_line(text: str) -> str:
    """A line of a file, for printing under its number: each character keeps its column, tabs stay."""
    return _SPEAKS.sub(lambda found: found[0] if found[0] == "\t" else "\ufffd", text)


def _shown(found: re.Match[str]) -> str:
    character = found[0]
    number = ord(character)
    return _NAMED.get(character) or (f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}")
