"""Recognising a dialect by the keys of a file, never by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vramlint.dialects.kit.dialect import UNSET, Evidence
from vramlint.dialects.kit.reader import look_up

Sign = str | tuple[str, Callable[[Any], bool]]
"""A dotted key ("a+b": both keys), or a key with a test of its value."""

DECISIVE, STRONG, HINT = 0.9, 0.4, 0.08


@dataclass(frozen=True, slots=True)
class DetectionSignals:
    """What speaks for a dialect. Weights add up as independent evidence does: 1 - (1 - a)(1 - b)...

    `decisive` keys settle it alone, `strong` ones in company, `hint`s only tip the balance; a key of
    `foreign` says the file is another's.
    """

    decisive: tuple[Sign, ...] = ()
    strong: tuple[Sign, ...] = ()
    hint: tuple[Sign, ...] = ()
    foreign: tuple[Sign, ...] = ()

    def __call__(self, values: Mapping[str, Any]) -> Evidence:
        """How sure the dialect is of `values`, and the keys that made it so."""
        doubt, seen = 1.0, []
        for signs, weight in ((self.decisive, DECISIVE), (self.strong, STRONG), (self.hint, HINT)):
            for sign in signs:
                if _present(values, sign):
                    doubt *= 1 - weight
                    seen.append(sign if isinstance(sign, str) else sign[0])
        if any(_present(values, sign) for sign in self.foreign):
            return Evidence(min(1 - doubt, 0.3), tuple(seen))
        return Evidence(round(1 - doubt, 4), tuple(seen))


def _present(values: Mapping[str, Any], sign: Sign) -> bool:
    name, test = (sign, None) if isinstance(sign, str) else sign
    if test is None and "." not in name and "+" not in name:
        return name in values
    found = UNSET
    for index, part in enumerate(name.split("+")):
        there = look_up(values, part)
        if there is UNSET:
            return False
        found = found if index else there
    return test is None or test(found)
