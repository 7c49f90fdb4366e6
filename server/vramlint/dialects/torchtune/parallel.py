"""torchtune's mesh: FSDP2 over what the other dimensions leave."""

from __future__ import annotations

from vramlint.dialects.kit.dialect import Context
from vramlint.dialects.kit.reader import Reader, boolean, integer, positive
from vramlint.dialects.kit.reading import world_size
from vramlint.job import Parallel
from vramlint.lazy_dataclasses import replace


def with_offload(parallel: Parallel) -> Parallel:
    """The same with the optimizer's states on the host."""
    return replace(parallel, offload="optimizer" if parallel.offload == "none" else parallel.offload)


def read_parallel(reader: Reader, context: Context) -> Parallel:
    """FSDP2 over what the other dimensions leave of the declared GPUs."""
    world = world_size(reader, context)
    tensor = reader.read("tensor_parallel_dim", positive)
    ring = reader.read("context_parallel_dim", positive)
    replicate = reader.read("data_parallel_replicate_dim", positive)
    shard = reader.get("data_parallel_shard_dim", integer)
    if shard is not None and shard > 0:
        reader.written("parallel.data", "data_parallel_shard_dim")
    fixed = tensor * ring * replicate * max(shard or 1, 1)
    if context.gpu_declared and world % fixed:
        message = (
            f"the parallel dimensions multiply to {fixed}, which does not divide {world} declared "
            f"GPU{'s' if world > 1 else ''}; change one of them"
        )
        reader.problem("degrees-exceed-world", _written_dimension(reader), message, "error")
    data = shard if shard is not None and shard > 0 else max(world // fixed, 1)
    if data * replicate * tensor * ring == 1:
        return Parallel()
    reader.default("parallel.strategy", "distributed recipes shard with FSDP2")
    if tensor > 1 and not reader.has("tensor_parallel_plan"):
        message = f"tensor_parallel_dim: {tensor} needs a tensor_parallel_plan component"
        reader.problem("missing-key", "tensor_parallel_dim", message, "error")
    keeps = reader.get("fsdp_reshard_after_forward", boolean) is False
    if keeps:
        reader.written("parallel.sharding", "fsdp_reshard_after_forward")
    return Parallel(
        strategy="fsdp2",
        data=data,
        replicate=replicate,
        sharding="grad-op" if keeps else "full",
        tensor=tensor,
        context=ring,
        offload="both" if reader.read("fsdp_cpu_offload", boolean) else "none",
    )


def _written_dimension(reader: Reader) -> str:
    order = (
        "tensor_parallel_dim",
        "context_parallel_dim",
        "data_parallel_shard_dim",
        "data_parallel_replicate_dim",
    )
    return next((path for path in order if reader.has(path)), order[0])
