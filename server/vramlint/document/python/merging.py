"""One value where a program may have either of two."""

from __future__ import annotations

from vramlint.document.place import Place
from vramlint.document.python.values import Evaluation, Items, Known, Made, Open, Symbol, Value

UNDECIDED = "decided by a condition that only the run knows"
"""Why a value is open that differs from one way of a condition to the other."""
_WAYS = 32
"""In which a value may have been made; more are open."""


def merged(left: Value, right: Value, place: Place, run: Evaluation) -> Value:
    """One value where two are possible: what both are, every call that may have made it, or open."""
    if left is right or (isinstance(left, Known) and isinstance(right, Known) and left[0] == right[0]):
        return left
    if isinstance(left, Symbol) and isinstance(right, Symbol) and left.name == right.name:
        return left
    if isinstance(left, Items) and isinstance(right, Items) and len(left.items) == len(right.items):
        run.spend(len(left.items))
        pairs = zip(left.items, right.items, strict=True)
        return Items([merged(one, two, place, run) for one, two in pairs], place)
    if isinstance(left, Made) and isinstance(right, Made):
        each = dict.fromkeys(one for made in (left, right) for one in _possible(made))
        if len(each) <= _WAYS:
            return Made("one of", list(each), {}, place)
    if isinstance(left, Known) and isinstance(right, Known):
        return Open(f"{left.value} or {right.value}: {UNDECIDED}", place)
    return Open(UNDECIDED, place)


def _possible(made: Made) -> list[Value]:
    """What a call may have made, each alone."""
    return made.arguments if made.name == "one of" else [made]
