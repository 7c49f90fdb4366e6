"""DistributedDataParallel: every rank keeps all, and its buckets hold the gradients a second time."""

from __future__ import annotations

from vramlint.lazy_dataclasses import dataclass
from vramlint.memory.sharding.plan import Plan, Trained


@dataclass(slots=True)
class Ddp(Plan):
    """accelerate leaves `gradient_as_bucket_view` off (torch 2.13, nn/parallel/distributed.py)."""

    def buffers(self, trained: Trained, gradients: int) -> int:
        """The reducer's buckets: as large as all gradients."""
        return gradients
