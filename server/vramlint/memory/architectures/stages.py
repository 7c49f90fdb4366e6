"""Layers that are alike, made once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from vramlint.memory.architectures.network import Block, Stage
from vramlint.memory.weights import Group, Weights


def stages_of(
    weights: Weights, keys: Sequence[tuple[str, Hashable]], build: Callable[[int], Block]
) -> tuple[list[Stage], list[int]]:
    """One stage for all layers with one key of which the same is trained, and the stage of each layer.

    `keys` names each layer's group and what makes it of its kind; `build` makes the layer of a number.
    """
    stages: list[Stage] = []
    order: list[int] = []
    made: dict[tuple[str, Hashable], list[tuple[int, Group, tuple[bool, ...]]]] = {}
    for index, key in enumerate(keys):
        for place, group, trained in made.setdefault(key, []):
            if weights.trains(group, index) == trained:
                group.count += 1
                order.append(place)
                break
        else:
            group = weights.group(key[0], 1, index)
            order.append(len(stages))
            stages.append(Stage(key[0], build(index), group.parameters))
            made[key].append((order[-1], group, weights.trains(group, index)))
    return stages, order
