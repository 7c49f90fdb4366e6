"""Names spelled alike, fast enough to ask on a keystroke."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import contains

SHORTLIST = 160
ALIKE = 0.6
"""The least ratio of difflib's that a proposal has."""
LONGEST = 200
"""Characters of a name that are compared; more than any hub id has."""


def nearest(name: str, names: Sequence[str], n: int) -> list[str]:
    """The up to `n` of `names` spelled most like `name`, closest first; unlike ones are left out.

    Letter triples choose a shortlist and difflib ranks it: difflib on all names would take a hundred times
    longer.
    """
    from difflib import SequenceMatcher  # imported late: only names with a mistake need it

    folded = name[:LONGEST].lower()
    wanted = {folded[i : i + 3] for i in range(len(folded) - 2)} or {folded}
    lowered = [other.lower() for other in names]
    held = (map(contains, lowered, repeat(triple)) for triple in wanted)
    shared = list(zip(map(sum, zip(*held, strict=True)), names, strict=True))
    shortlist = sorted(shared, key=lambda pair: (-pair[0], abs(len(pair[1]) - len(folded))))[:SHORTLIST]
    matcher = SequenceMatcher()
    matcher.set_seq2(folded)  # what it works out of this one is kept
    ranked: list[tuple[float, str]] = []
    for _, other in shortlist:
        matcher.set_seq1(other.lower())
        # Two upper bounds of the ratio, far cheaper than it.
        if matcher.real_quick_ratio() >= ALIKE and matcher.quick_ratio() >= ALIKE:
            ranked.append((SequenceMatcher(None, folded, other.lower()).ratio(), other))
    ranked.sort(reverse=True)
    return [other for ratio, other in ranked[: max(n, 0)] if ratio >= ALIKE]


def words_in(words: Iterable[str], texts: Iterable[str]) -> bool:
    """Whether each of `words` (lower case) occurs in `texts`."""
    everything = "\n".join(texts).lower()
    return all(word in everything for word in words)
