"""Which dialect a document is written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vramlint.dialects.kit.dialect import Dialect, Evidence

ENOUGH = 0.5
CERTAIN = 0.85


@dataclass(frozen=True, slots=True)
class Detection:
    """The dialect of a document (None: none of ours), with the evidence of every dialect that saw some,
    strongest first.

    `contradicting` names the dialects whose decisive keys stand beside those of the chosen one.
    """

    dialect: Dialect | None
    evidence: tuple[tuple[Dialect, Evidence], ...] = ()
    contradicting: tuple[Dialect, ...] = ()


def choose(dialects: Sequence[Dialect], values: Any) -> Detection:
    """The dialect with the strongest evidence; among equals the one listed first."""
    if not isinstance(values, Mapping):
        return Detection(None)
    seen = [(dialect, evidence) for dialect in dialects if (evidence := dialect.recognise(values)).score > 0]
    seen.sort(key=lambda pair: -pair[1].score)
    if not seen or seen[0][1].score < ENOUGH:
        return Detection(None, tuple(seen))
    rivals = tuple(dialect for dialect, evidence in seen[1:] if evidence.score >= CERTAIN)
    return Detection(seen[0][0], tuple(seen), rivals)
