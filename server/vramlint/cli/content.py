"""The bytes of a file that was named, or of standard input."""

from __future__ import annotations

import sys

from vramlint.cli.console import Failure
from vramlint.files import Unreadable, read_bytes
from vramlint.project.prefilter import MOST_BYTES

STDIN = "-"


def read(path: str) -> bytes:
    """The content of the file at `path`, or of standard input. Raises Failure where there is none."""
    if path == STDIN:
        return sys.stdin.buffer.read(MOST_BYTES)
    try:
        return read_bytes(path, MOST_BYTES)
    except Unreadable as error:
        raise Failure(f"{path}: {error}") from None
