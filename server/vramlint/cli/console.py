"""What every command shares on its way to the terminal.

Colour, encoding, sizes, and the one line that says why a run failed.
"""

from __future__ import annotations

import os
import sys
from typing import Literal, TextIO, TypeAlias

Style: TypeAlias = Literal["red", "yellow", "green", "cyan", "bold", "dim"]
_CODES: dict[Style, str] = {
    "red": "31;1",
    "yellow": "33;1",
    "green": "32;1",
    "cyan": "36",
    "bold": "1",
    "dim": "2",
}
_ASCII = str.maketrans(
    {
        "█": "#",
        **dict.fromkeys("▏▎▍▌▋▊▉", "#"),
        "┆": "|",
        "✓": "+",
        "✗": "x",
        "⚠": "!",
        "²": "2",
        "³": "3",
        "\u00a0": " ",
        "▒": "+",
        "·": "-",
        "×": "x",
        "±": "+-",
        "→": "->",
        "≤": "<=",
        "…": "...",
        "–": "-",
        "−": "-",
    }
)


class Failure(Exception):
    """The run itself failed; the message is what the user reads. Exit code 2."""


class Paint:
    """Wraps text in colour, or leaves it alone."""

    __slots__ = ("enabled",)

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled

    def __call__(self, style: Style, text: str) -> str:
        """The text in that style."""
        return f"\033[{_CODES[style]}m{text}\033[0m" if self.enabled and text else text


def paint_for(stream: TextIO, mode: str = "auto") -> Paint:
    """Colour on a terminal that can show it; where `mode` is "auto", NO_COLOR and FORCE_COLOR come first."""
    if mode != "auto":
        return Paint(mode == "always")
    if os.environ.get("NO_COLOR"):
        return Paint(False)
    if os.environ.get("FORCE_COLOR"):
        return Paint(True)
    return Paint(stream.isatty() and os.environ.get("TERM") != "dumb")


def prepare() -> None:
    """Never fail on a character that the terminal's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text: str, stream: TextIO | None = None) -> None:
    """Print `text`, in ASCII where the stream cannot show more."""
    from vramlint.lint.inert import inert_block  # imported late: a run may print nothing

    stream = stream or sys.stdout
    text = inert_block(text)
    if "utf" not in (stream.encoding or "utf-8").lower():
        text = text.translate(_ASCII)
    print(text, file=stream)


def complain(message: str) -> None:
    """One line on standard error."""
    from vramlint.lint.inert import inert  # imported late: most runs complain of nothing

    say(f"vramlint: {inert(' '.join(message.split()))}", sys.stderr)


def complain_unread(error: OSError) -> None:
    """A folder that cannot be read is named; the others are still looked through."""
    complain(said_of(error))


def said_of(error: OSError) -> str:
    """What cannot be read, and why, in words."""
    return f"{error.filename}: {(error.strerror or str(error)).lower()}"


def close_quietly() -> None:
    """The reader of our output has gone (`vramlint … | head`).

    Keep Python from complaining about it at exit.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
