"""Whether weights arrive as fast as they are used, and what the allocator makes of those that do not.

Up to torch 2.7 an asynchronous collective tells the allocator that its tensors are in use on NCCL's stream
(2.5, torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp, _allgather_base and collective: recordStream). A block
that is let go then serves again only when that stream has done everything that it was given before, however
much was asked for ahead. From 2.8 on the tensors are kept until somebody waits for them instead (pytorch
pull request 150398).
"""

from __future__ import annotations

from vramlint.catalog.rates import rates_of
from vramlint.job import TrainingJob
from vramlint.memory.ledger import DTYPE_BYTES
from vramlint.memory.versions import version_of
from vramlint.versions import older

STASHES_SINCE = "2.8"
"""The first torch that records no stream of a collective."""
FLOPS = 2
"""Of a token and weight in forward, the pass with the least work for each weight that it asks for."""


def gathers_hold_blocks(job: TrainingJob, ranks: int) -> bool:
    """Whether what is let go waits for the weights that were asked for since it came."""
    return older(version_of("torch", job), STASHES_SINCE) and not keeps_up(job, ranks)


def keeps_up(job: TrainingJob, ranks: int) -> bool:
    """Whether a weight is gathered in less time than its product takes: never over PCIe, whose GPUs are not
    among those with rates.
    """
    rates = rates_of(job.gpu) if job.gpu is not None else None
    if rates is None:
        return False
    arrives = DTYPE_BYTES[job.precision.weights] / (rates.link if ranks <= rates.domain else rates.network)
    return FLOPS * job.micro_batch_size * job.sequence_length / rates.matmul16 >= arrives
