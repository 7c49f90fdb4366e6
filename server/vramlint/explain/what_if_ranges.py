"""Which other values of a key are worth comparing with the one it has."""

from __future__ import annotations

from typing import Any

from vramlint.dialects.kit.dialect import Key
from vramlint.job_fields import moves_of

FEW = 5
"""As many choices are all compared; of longer lists only those that are worth it."""


def neighbours(key: Key, value: Any) -> tuple[Any, ...]:
    """Other values of a key that are worth comparing with the one it has, in the framework's own spelling."""
    moved = moves_of(key.field or "")
    if moved.steps == "none":
        return ()
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int) and value < 1:
        return ()
    if isinstance(value, int) and moved.steps == "one":
        return (value - 1, value + 1) if value > 1 else (value + 1,)
    if isinstance(value, int) and moved.steps == "double":
        return (value // 2, value * 2) if value > 1 else (value * 2,)
    if isinstance(value, int) and moved.steps == "single":
        return (1, value * 2) if value > 1 else (value * 2,)
    if isinstance(value, int | float):
        return tuple(other for other in moved.worth if isinstance(other, int | float) and other != value)
    return tuple(other for other in worth_comparing(key, value) if other != value)


def worth_comparing(key: Key, value: Any) -> tuple[Any, ...]:
    """The choices of a key when they are few, else those of them that are worth it.

    Where the framework takes any name, dotted class names are compared with dotted ones only.
    """
    worth = moves_of(key.field or "").worth
    if not key.choices:
        return tuple(
            choice for choice in worth if isinstance(value, str) and ("." in value) == ("." in choice)
        )
    if len(key.choices) <= FEW:
        return key.choices
    return tuple(choice for choice in worth if choice in key.choices)
