"""Text of a file for a message: what could move a cursor, start a line, reorder text or speak to a runner is
made visible. One function a target; `escape` has those of markup.
"""

from __future__ import annotations

import re

_CONTROLS = (
    "\x00-\x1f\x7f-\x9f"  # control characters: escape sequences, line feeds
    "\u2028\u2029"  # line separators
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi controls ("Trojan Source", CVE-2021-42574)
)
_SPEAKS = re.compile(f"[{_CONTROLS}]")
_IN_BLOCK = re.compile(f"(?![\n\t]|\x1b\\[[0-9;]{{0,8}}m)[{_CONTROLS}]")
"""In text that we have laid out and coloured, what is neither."""
_COMMAND = re.compile(r"##(?=\w*\[)")
"""How a line tells a runner of GitHub (`##[`), Azure (`##vso[`) or TeamCity something, wherever it stands."""
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
LONGEST_MESSAGE = 2_000
"""Characters of a message; what a config says may be longer than anyone reads."""


def inert(text: str) -> str:
    """The text on one line, every control character as its escape."""
    return _COMMAND.sub(r"#\\#", _SPEAKS.sub(_shown, text))


def inert_message(text: str) -> str:
    """A message, inert and of bounded length."""
    shown = inert(text)
    return shown if len(shown) <= LONGEST_MESSAGE else shown[: LONGEST_MESSAGE - 1] + "…"


def inert_path(path: str) -> str:
    """A file's name where a line may begin with it: `::error` would be a command to GitHub's runner."""
    shown = inert(path)
    return f"./{shown}" if shown.lstrip().startswith("::") else shown


def inert_line(text: str) -> str:
    """A line of a file, for printing under its number: each character keeps its column, tabs stay."""
    shown = _SPEAKS.sub(lambda found: found[0] if found[0] == "\t" else "\ufffd", text)
    return _COMMAND.sub("#\ufffd", shown)


def inert_block(text: str) -> str:
    """Lines that are laid out, with our colours: the last look before the terminal."""
    return _COMMAND.sub(r"#\\#", _IN_BLOCK.sub(_shown, text))


def _shown(found: re.Match[str]) -> str:
    character = found[0]
    number = ord(character)
    return _NAMED.get(character) or (f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}")
