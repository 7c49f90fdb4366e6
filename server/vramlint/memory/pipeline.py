"""Pipeline parallelism: which part of the model a stage holds, and how many micro batches are in flight
there.

One-forward-one-backward keeps as many micro batches alive on the first stage as there are stages, one on
the last (Narayanan et al. 2104.04473, section 2.2). The fullest rank is one of these two: the first holds
the embedding and the most activations, the last the head and the logits.
"""

from __future__ import annotations

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.weights import Weights


@dataclass(frozen=True, slots=True)
class StagePart:
    """A stage: the positions in the model's order that it holds (embedding first, head last), and its micro
    batches in flight.
    """

    name: str
    first: int
    last: int
    in_flight: int


def parts(layers: int, stages: int) -> tuple[StagePart, ...]:
    """The candidates for the fullest stage; the whole model where there is no pipeline. Position 0 is the
    embedding, layers + 1 the head.
    """
    if stages <= 1:
        return (StagePart("model", 0, layers + 1, 1),)
    each = -(-layers // stages)
    return (
        StagePart("first stage", 0, each, stages),
        StagePart("last stage", layers - each + 1, layers + 1, 1),
    )


def keep_part(weights: Weights, part: StagePart, layers: int) -> None:
    """Reduce the weights to those of the stage: its share of the layers, the embedding on the first, the head
    on the last.

    A last stage whose head is tied holds the embedding's table too.
    """
    share = (part.last if part.last <= layers else layers) - max(1, part.first) + 1
    outside = [group for group in weights.groups if group.name in ("embedding", "head")]
    tied = all(
        len(parameter.shape) < 2
        for group in outside
        if group.name == "head"
        for parameter in group.parameters
    )
    for group in list(weights.groups):
        if (group.name == "embedding" and part.first > 0 and not tied) or (
            group.name == "head" and part.last <= layers
        ):
            weights.groups.remove(group)
        elif group not in outside:
            group.count = max(1, round(group.count * share / layers))
