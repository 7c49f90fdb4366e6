"""Comparing releases: the one place that knows their order.

What counts of a version is its release (PEP 440): 4.56.0.dev0 and 4.56.0rc1 count as 4.56, 2.8.0+cu128
as 2.8.
"""

from __future__ import annotations

import re
from functools import lru_cache

_PLAIN = re.compile(r"\d{1,9}(\.\d{1,9})*", re.ASCII)
"""Most versions: compared without `packaging`, whose import costs as much as reading a file."""


@lru_cache(maxsize=256)
def release(version: str) -> tuple[int, ...] | None:
    """The numbers of a release without zeros at the end, so that 5 and 5.0 are one; None for what is not a
    version, as "main".
    """
    if _PLAIN.fullmatch(version):
        numbers = tuple(int(part) for part in version.split("."))
    else:
        from packaging.version import InvalidVersion, Version

        try:
            numbers = Version(version).release
        except InvalidVersion:
            return None
    while numbers and not numbers[-1]:
        numbers = numbers[:-1]
    return numbers


def at_least(version: str | None, floor: str) -> bool:
    """Whether `version` is the release `floor` or newer. One that is not known, or not a version, counts as
    the newest.
    """
    known, least = None if version is None else release(version), release(floor)
    assert least is not None, floor
    return known is None or known >= least


def older(version: str | None, than: str) -> bool:
    """Whether `version` is known to be older than the release `than`."""
    return not at_least(version, than)


def same_minor(version: str, other: str) -> bool:
    """Whether two versions share the first two numbers of their release: 0.19.1 and 0.19."""
    one, two = release(version), release(other)
    return one is not None and two is not None and _padded(one) == _padded(two)


def _padded(numbers: tuple[int, ...]) -> tuple[int, int]:
    first, second = (*numbers, 0, 0)[:2]
    return first, second


def refusal(key: str, version: str) -> str | None:
    """What to tell whoever declared `version` under `key`, where it is not a version; else None."""
    if release(version) is not None:
        return None
    return f"{key} is '{version}', which is not a version: write a release like 4.56.0; the newest is assumed"
