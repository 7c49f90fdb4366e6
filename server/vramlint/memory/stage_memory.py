"""What the stages of a pipeline need, each by itself. All sizes are bytes per GPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from vramlint.lazy_dataclasses import dataclass
from vramlint.vocabulary import Component

StageName: TypeAlias = Literal["first stage", "middle stage", "last stage"]


@dataclass(frozen=True, slots=True)
class StageMemory:
    """A stage at its worst moment: bytes by component, which add up to `device_bytes`."""

    name: StageName
    """"middle stage": the second, which of those between the ends holds the most micro batches."""
    layers: int
    parameters: int
    """Of one tensor- and expert-parallel rank of the stage, before data parallelism shares them out."""
    in_flight: float
    """Micro batches whose saved tensors are alive when the stage begins its first backward pass: of
    interleaved chunks, a fraction.
    """
    components: Mapping[Component, int]
    embedding_bytes: int
    """Of the weights, the embedding's table."""
    head_bytes: int
    """Of the weights, last norm and head."""
    loss_bytes: int
    """What last norm, head and loss hold at most beyond what the layers save: logits and their gradient."""

    @property
    def device_bytes(self) -> int:
        """What a GPU of the stage must offer, with a typical slack."""
        return sum(self.components.values())
