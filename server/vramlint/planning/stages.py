"""How layers are cut into pipeline stages."""

from __future__ import annotations

ENDS = (0, 1, 2, 3)
"""Places of layers that something else takes: nothing, the head, the embedding too (BLOOM: 70 layers and
these two on 12 stages), a layer that predicts a further token (DeepSeek-V3: 61 layers on 16).
"""


def are_even(layers: int, pipeline: int) -> bool:
    """Whether stages are equal, counting what takes a layer's place."""
    return any((layers + ends) % pipeline == 0 for ends in ENDS)


def stages(layers: int, pipeline: int) -> tuple[int, int]:
    """Layers of the fullest stage and of the last one; where stages are not even they differ by one."""
    for ends in ENDS:
        if (layers + ends) % pipeline == 0:
            each = (layers + ends) // pipeline
            return each, each - (0, 1, 1, 2)[ends]
    return -(-layers // pipeline), layers // pipeline
