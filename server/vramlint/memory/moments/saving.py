"""Saving: the GPU while a checkpoint is written.

Shards go to the host as they are. A whole checkpoint is made whole on the GPU first and sent to the host of
one rank in parts: under FSDP1 unit by unit, the outermost one whole throughout, in the dtype that is stored
(torch 2.13, distributed/fsdp/_state_dict_utils.py, _full_pre_state_dict_hook); under FSDP2 weight by weight
(distributed/_state_dict_utils.py, _gather_state_dict); under ZeRO-3 module by module (deepspeed 0.19.8,
runtime/engine.py, _zero3_consolidated_16bit_state_dict).
"""

from __future__ import annotations

from vramlint.job import TrainingJob
from vramlint.memory.architectures.network import Network
from vramlint.memory.moments.held import Held
from vramlint.memory.moments.whole import whole_bytes
from vramlint.memory.persistent import PersistentBytes
from vramlint.memory.sharding import Plan
from vramlint.memory.weights import Weights
from vramlint.vocabulary import Saving


def saving_moment(
    job: TrainingJob, persistent: PersistentBytes, weights: Weights, network: Network | None, plan: Plan
) -> Held:
    """The GPU of the rank that gathers. Gradients were let go, but for DeepSpeed's partitions."""
    return Held(
        "save",
        weights=persistent.weights + persistent.models,
        gradients=persistent.gradients if plan.has_gradient_buffer else 0,
        states=persistent.states,
        activations=persistent.buffers + _gathered(job, weights, network, plan),
    )


def _gathered(job: TrainingJob, weights: Weights, network: Network | None, plan: Plan) -> int:
    """Bytes that are made whole at a time."""
    saving = saving_of(job, plan)
    sizes = [(whole_bytes(job, parameter), count) for parameter, count in weights.all()]
    if not plan.shares_weights or saving == "sharded":
        return 0
    if saving == "device":
        return sum(size * count for size, count in sizes)
    if job.parallel.strategy == "fsdp1" and network is not None:
        units = [sum(whole_bytes(job, p) for p in stage.parameters) for stage in network.stages]
        return sum(whole_bytes(job, p) for p in network.root) + max(units, default=0)
    return max((size for size, _ in sizes), default=0)


def saving_of(job: TrainingJob, plan: Plan) -> Saving:
    """What is written, "auto" replaced: accelerate's state dict of FSDP is whole unless a file says
    otherwise (1.15, utils/dataclasses.py, state_dict_type), all others' sharded.
    """
    if job.saving != "auto":
        return job.saving
    return "full" if job.in_trainer and not plan.deepspeed else "sharded"
