"""Megatron-LM's data parallelism (core/distributed/distributed_data_parallel.py, param_and_grad_buffer.py;
core/optimizer/distrib_optimizer.py).
"""

from __future__ import annotations

from typing import ClassVar

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.sharding.plan import Plan, Trained


@dataclass(slots=True)
class Megatron(Plan):
    """Every rank keeps weights and gradients, the latter in one buffer that products add to
    (gradient_accumulation_fusion).
    """

    @property
    def has_gradient_buffer(self) -> bool:
        """For the whole run."""
        return True

    def in_step(self, trained: Trained, gradients: int, temporaries: int) -> tuple[int, int]:
        """Gradients narrower than the masters are copied to float32 first (_copy_model_grads_to_main_grads);
        the optimizer is one fused kernel.
        """
        wide = all(self.gradient_dtype(parameter) == "float32" for parameter, _ in trained)
        share = sum(count * self.state_elements(parameter) for parameter, count in trained)
        return gradients, 0 if wide else 4 * share


@dataclass(slots=True)
class DistributedOptimizer(Megatron):
    """Optimizer states are shared (`use_distributed_optimizer`)."""

    shares_states: ClassVar[bool] = True
