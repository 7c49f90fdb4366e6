"""Flags of a command line as argparse takes them."""

from __future__ import annotations

from collections.abc import Iterable


def spelled_out(flag: str, known: Iterable[str]) -> str | None:
    """The only known flag that begins like `flag`, which argparse takes it for; None where that is not one
    (`allow_abbrev`, argparse.py of Python).
    """
    found = [name for name in dict.fromkeys(known) if name.startswith(flag)]
    return found[0] if len(found) == 1 else None
