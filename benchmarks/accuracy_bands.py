"""How wide the error band of a source's runs would be if that source had never been seen.

A class is whether transformers' Trainer runs the steps, and whether the release of torch was read for the
model. Its width is what nine in ten of the other sources' runs of that class keep to; of all other runs where
there is none.
"""

from __future__ import annotations

from collections.abc import Sequence

from accuracy_figures import grouped, quantile
from ours import Answer

LEAST = 0.03
READ_FROM = (2, 3)
"""The first release of torch that was read for the model."""


def class_of(answer: Answer) -> tuple[bool, bool]:
    """Whether the Trainer runs the steps, and whether its releases were read."""
    job = answer.case.job
    own = job.get("runtime", "transformers") != "transformers" or job.get("loop") in ("plain", "freed")
    torch = job.get("versions", {}).get("torch")
    numbers = tuple(int(part) for part in torch.split(".")[:2]) if torch else READ_FROM
    return not own, numbers >= READ_FROM


def deviation(answer: Answer) -> float:
    """How far the measured figure is from the estimate, relative to the estimate."""
    assert answer.estimate is not None
    assert answer.case.measured is not None
    return abs(answer.case.measured / answer.estimate - 1)


def held_unseen(items: Sequence[Answer]) -> dict[str, tuple[int, int, float]]:
    """By source: runs, those of them inside, and the widest band, each made without the source."""
    found = {}
    for source, mine in grouped(items, lambda answer: answer.case.source).items():
        others = [answer for answer in items if answer.case.source != source]
        inside, widest = 0, 0.0
        for answer in mine:
            alike = [other for other in others if class_of(other) == class_of(answer)] or others
            width = max(LEAST, quantile([deviation(other) for other in alike], 0.9))
            inside += deviation(answer) <= width
            widest = max(widest, width)
        found[source] = (len(mine), inside, widest)
    return found
