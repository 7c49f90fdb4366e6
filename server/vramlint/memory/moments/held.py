"""What is allocated at the highest point of a moment."""

from __future__ import annotations

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.estimate import MomentName


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes by component; what lies outside the allocator is not among them."""

    name: MomentName
    weights: int
    gradients: int = 0
    states: int = 0
    activations: int = 0
    generation: int = 0

    @property
    def allocated(self) -> int:
        """Bytes of all components together."""
        return self.weights + self.gradients + self.states + self.activations + self.generation
