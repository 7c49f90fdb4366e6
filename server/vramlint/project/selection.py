"""Which rules are on: one level of selectors over another, the more specific selector first."""

from __future__ import annotations

from collections.abc import Iterable

from vramlint.lazy_dataclasses import dataclass

_BY_NAME = 100
"""A name says one rule, as a whole code does; no prefix is as long."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The selectors of one level: the settings file, or the command line. Each is a code, a prefix of codes,
    a name, or ALL.
    """

    select: tuple[str, ...] = ()
    """Only these; all where empty. Over another level it starts anew."""
    ignore: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    """These too, whatever this level or the one below ignores with less specific selectors."""

    def decide(self, code: str, name: str, below: bool) -> bool:
        """Whether a rule is on that is on or off `below` this level."""
        chosen = specificity((*self.select, *self.extend_select), code, name)
        ignored = specificity(self.ignore, code, name)
        on = (chosen >= 0 or below) if not self.select else chosen >= 0
        return on and (ignored < 0 or chosen > ignored)


def specificity(entries: Iterable[str], code: str, name: str) -> int:
    """How specific the most specific selector of a rule is; -1 where none selects it."""
    return max((_specificity(entry, code, name) for entry in entries), default=-1)


def _specificity(entry: str, code: str, name: str) -> int:
    if entry.upper() == "ALL":
        return 0
    if entry.lower() == name or entry.upper() == code:
        return _BY_NAME
    return len(entry) if entry and code.startswith(entry.upper()) else -1
