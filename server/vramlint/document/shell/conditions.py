"""What `[ … ]`, `[[ … ]]` and `test` say, where it is known without running anything."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

Truth = bool | None
"""None: not known."""
_NUMBERS: Mapping[str, Callable[[int, int], bool]] = {
    "-eq": operator.eq,
    "-ne": operator.ne,
    "-lt": operator.lt,
    "-le": operator.le,
    "-gt": operator.gt,
    "-ge": operator.ge,
}


class Operand:
    """A word of a condition: its text, None where it is open; `pattern` if a `*` in it matches anything."""

    __slots__ = ("pattern", "text")

    def __init__(self, text: str | None, pattern: bool = False) -> None:
        self.text, self.pattern = text, pattern


def holds(words: Sequence[Operand]) -> Truth:
    """Whether the condition between the brackets holds."""
    return _either(list(words))


def negated(truth: Truth) -> Truth:
    """The opposite of what is known."""
    return None if truth is None else not truth


def both(first: Truth, second: Truth) -> Truth:
    """Whether both hold."""
    return False if first is False or second is False else None if None in (first, second) else True


def either(first: Truth, second: Truth) -> Truth:
    """Whether one of them holds."""
    return negated(both(negated(first), negated(second)))


def _either(words: list[Operand]) -> Truth:
    for mark, join in ((("||", "-o"), either), (("&&", "-a"), both)):
        for index, word in enumerate(words):
            if word.text in mark and 0 < index < len(words) - 1:
                return join(_either(words[:index]), _either(words[index + 1 :]))
    if words and words[0].text == "!":
        return negated(_either(words[1:]))
    words = [word for word in words if word.text not in ("(", ")")]
    return _primary(words)


def _primary(words: list[Operand]) -> Truth:
    texts = [word.text for word in words]
    if len(words) == 1:
        return None if texts[0] is None else bool(texts[0])
    if len(words) == 2 and texts[0] in ("-n", "-z"):
        return None if texts[1] is None else bool(texts[1]) == (texts[0] == "-n")
    if len(words) != 3 or None in texts:
        return None
    left, mark, right = (text or "" for text in texts)
    if mark in ("=", "==", "!="):
        same = fnmatchcase(left, right) if words[2].pattern else left == right
        return same == (mark != "!=")
    if mark in _NUMBERS and left.lstrip("-").isdigit() and right.lstrip("-").isdigit():
        return _NUMBERS[mark](int(left), int(right))
    return None
