"""What a run holds outside its tensors: the allocator's slack, the CUDA context, libraries, communicators."""

from __future__ import annotations

import re
from collections.abc import Callable

from vramlint.catalog.facts import MIB
from vramlint.job import Assumed, TrainingJob
from vramlint.memory.versions import version_of
from vramlint.versions import older

CONTEXT: dict[str, int] = {
    "7.0": 350 * MIB,
    "7.5": 180 * MIB,
    "8.0": 420 * MIB,
    "8.6": 300 * MIB,
    "8.9": 400 * MIB,
    "9.0": 520 * MIB,
}
"""CUDA context with lazily loaded kernels, by compute capability (pytorch issues 28113, 107667; nvidia-smi of
idle PyTorch processes).
"""
CONTEXT_UNKNOWN = 450 * MIB
CONTEXT_EAGER = 1343 * MIB
"""A context that has loaded every kernel of torch and its libraries: what nvidia-smi showed after one tensor
of one element (transformers 4.27, docs/source/en/perf_train_gpu_one.mdx, with CUDA 11.2).
"""
LAZY_SINCE = "2.0"
"""From this release of torch on, its wheels are built with CUDA 11.7 or newer, and kernels are loaded when
they are first used (torch/cuda/__init__.py, CUDA_MODULE_LOADING=LAZY).
"""
WORKSPACE, LARGE_WORKSPACE = 8 * MIB + 128 * 1024, 32 * MIB
HANDLES = 2
"""Threads that launch matrix products: the forward pass, and autograd's own."""
BLACKWELL_SINCE = "2.10"
"""The first torch whose cuBLAS workspace on Blackwell is Hopper's."""
COMMUNICATOR = 350 * MIB
"""NCCL's channels and buffers of one communicator on a node of eight (nccl issues 864, 1685)."""
SLACK, MOST_SLACK = 0.11, 0.35
SLACK_EXPANDABLE, MOST_SLACK_EXPANDABLE = 0.02, 0.05
"""Share of activations and temporaries that the caching allocator needs beyond what is allocated: the median
of the published runs by replay, 2 to 31 %; with expandable segments 0.4 to 3 %. It stands for the replay
where the verdict does not depend on it.
"""


def allocator_slack(activations: int, expandable: bool = False) -> int:
    """Bytes that the caching allocator has taken from the driver beyond the allocated ones. Weights and
    states lie in segments of their own and waste next to nothing; blocks of activations come and go in
    many sizes.
    """
    return int((SLACK_EXPANDABLE if expandable else SLACK) * max(0, activations)) + 2 * MIB


def most_slack(activations: int, expandable: bool = False) -> int:
    """Bytes beyond the allocated ones up to which the allocator's gaps may decide."""
    return int((MOST_SLACK_EXPANDABLE if expandable else MOST_SLACK) * max(0, activations)) + 2 * MIB


def device_overhead(job: TrainingJob, deepspeed: bool = False) -> int:
    """What the process holds outside PyTorch's allocator: CUDA context and communicators, in bytes.

    DeepSpeed makes a copy of the world, in which it reduces (0.15 and 0.19, utils/groups.py,
    _clone_world_group), beside the world itself, for barriers and for stage 3's weights.
    """
    capability = job.gpu.compute_capability if job.gpu is not None else None
    context = CONTEXT.get(capability or "", CONTEXT_UNKNOWN)
    if older(version_of("torch", job), LAZY_SINCE):
        context = max(context, CONTEXT_EAGER)
    copies = int(deepspeed and job.parallel.data > 1)
    return context + (communicators(job) + copies) * COMMUNICATOR


def cublas_workspaces(job: TrainingJob) -> int:
    """Bytes that cuBLAS keeps for each thread that launches products; 0 where no GPU is declared, or none of
    NVIDIA's.

    They are tensors of PyTorch's allocator, so that `max_memory_allocated` counts them
    (aten/src/ATen/cuda/CublasHandlePool.cpp, parseChosenWorkspaceSize).
    """
    gpu = job.gpu
    if gpu is None or gpu.vendor != "nvidia" or gpu.compute_capability is None:
        return 0
    major = int(gpu.compute_capability.partition(".")[0])
    blackwell = major > 9 and not older(version_of("torch", job), BLACKWELL_SINCE)
    return HANDLES * (LARGE_WORKSPACE if major == 9 or blackwell else WORKSPACE)


def communicators(job: TrainingJob) -> int:
    """Process groups that this rank takes part in: one for each dimension of the mesh that is not trivial."""
    parallel = job.parallel
    sizes = (
        parallel.data,
        parallel.replicate,
        parallel.tensor,
        parallel.context,
        parallel.pipeline,
        parallel.expert,
    )
    return sum(size > 1 for size in sizes)


UNREAD_BEFORE = "2.3"
"""torch releases before this one, and the libraries of their time, were not read for this model."""
BAND, BAND_NOT_MODELLED = 0.03, 0.25
WIDER: tuple[tuple[float, Callable[[TrainingJob], bool]], ...] = (
    (0.04, lambda job: job.parallel.world_size > 1),
    (0.04, lambda job: job.quantization is not None),
    (0.08, lambda job: job.compile),
    (0.12, lambda job: not job.in_trainer or isinstance(job.origins.get("loop"), Assumed)),
    (0.40, lambda job: job.in_trainer and job.parallel.offload in ("parameters", "both")),
    (0.30, lambda job: job.in_trainer and older(job.versions.get("torch"), UNREAD_BEFORE)),
    (BAND_NOT_MODELLED - BAND, lambda job: driver_allocates(job)),
)
"""What makes an estimate less sure, and by how much: units in flight and streams of sharded runs, kernels of
quantized weights, what a compiler fuses, layers that a framework writes its own way and scripts that are read
by name, weights on the host under a Trainer (LLaMA-Factory issue 5977, accelerate issue 3647, Axolotl's
examples/gpt-oss: all of them above the replay, by 15 to 60 %), trainers of releases that were not read, the
driver's pools in place of PyTorch's.
"""


def driver_allocates(job: TrainingJob) -> bool:
    """Whether the driver's own pools serve the run (`backend:cudaMallocAsync`), which nothing here models."""
    return bool(re.search(r"\bbackend\s*:\s*(?:cuda|hip)MallocAsync\b", job.allocator))


def error_band(job: TrainingJob, modelled: bool) -> float:
    """Relative half-width of the band around the totals: nine measured runs of ten lie inside
    (docs/accuracy.md, by class).
    """
    band = BAND + sum(width for width, applies in WIDER if applies(job)) + job.model.spread
    return band if modelled else max(band, BAND_NOT_MODELLED)
