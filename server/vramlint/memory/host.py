"""Host memory of offloaded weights, gradients, optimizer states and activations, per rank and per node, and
of the copies that are read while loading.

DeepSpeed keeps a partition's float32 weights, moments and gradients on the host, and with offload_param the
16-bit weights (0.19.8, runtime/zero/stage_1_and_2.py and stage3.py); FSDP keeps its shards there, gradients
and states with them (torch/distributed/fsdp, CPUOffload and CPUOffloadPolicy); an optimizer that steps on the
host keeps copies of weights and gradients there (torchao 0.18, optim/cpu_offload.py). What the process
itself, the data loader and pinned copies in flight take is not counted.
"""

from __future__ import annotations

from vramlint.catalog.optimizers import Optimizer
from vramlint.job import TrainingJob
from vramlint.lazy_dataclasses import replace
from vramlint.memory.estimate import HostMemory
from vramlint.memory.ledger import DTYPE_BYTES, rounded
from vramlint.memory.moments.whole import whole_bytes
from vramlint.memory.persistent import persistent_bytes
from vramlint.memory.sharding import plan_of
from vramlint.memory.weights import Weights


def host_memory(
    job: TrainingJob, weights: Weights, optimizer: Optimizer, activations: int = 0
) -> HostMemory | None:
    """What waits in host memory; None where nothing does, and no limit is declared that loading could be held
    against. `weights` are those of a rank before data parallelism, `activations` bytes that wait there.
    """
    world = max(1, job.parallel.world_size)
    on_node = min(world, job.gpu_count) if job.gpu_count > 1 else -(-world // max(1, job.nodes))
    read = on_node if job.loading == "host" else int(job.loading == "rank-0")
    loading = read * sum(count * whole_bytes(job, parameter) for parameter, count in weights.all())
    per_rank = _offloaded(job, weights, optimizer) + activations
    if not per_rank and (job.ram is None or not loading):
        return None
    return HostMemory(per_rank, per_rank * on_node, job.ram, loading)


def _offloaded(job: TrainingJob, weights: Weights, optimizer: Optimizer) -> int:
    """Bytes of weights, gradients and states that one rank keeps in host memory."""
    offload = job.parallel.offload
    if offload == "none":
        return 0
    on_gpu = replace(job, parallel=replace(job.parallel, offload="none"))
    plan = plan_of(on_gpu)
    held = persistent_bytes(on_gpu, weights, plan, optimizer)
    per_rank = 0
    if offload in ("optimizer", "both"):
        per_rank += held.states + held.paged
        if plan.deepspeed:
            per_rank += sum(
                count * rounded(4 * plan.state_elements(parameter)) for parameter, count in weights.updated()
            )
        elif offload == "both" and plan.shares_gradients:
            per_rank += held.stepped
        elif job.runtime != "megatron":
            per_rank += 2 * sum(
                count * rounded(plan.state_elements(parameter) * DTYPE_BYTES[parameter.stored])
                for parameter, count in weights.updated()
            )
    if offload in ("parameters", "both"):
        per_rank += held.weights - weights.stored_bytes(plan, only_buffers=True)
    return per_rank
