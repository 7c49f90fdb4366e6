"""Layouts that a model and a cluster admit: rules that practitioners state as filters.

Sources, by letter: G Megatron-Bridge's performance guide (docs/performance-guide.md, 067f987), M Megatron
Core's MoE README (megatron/core/transformer/moe/README.md, d98e8a6), P its parallelism guide
(docs/user-guide/parallelism-guide.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vramlint.lazy_dataclasses import dataclass
from vramlint.planning.layout import Family, Layout, Recompute, Sharding
from vramlint.planning.stages import are_even, stages
from vramlint.planning.work import Work

NODE = 8
"""Tensor parallelism never leaves a node (G 2.1, M guideline 2), and no published layout has more."""
FEWEST_TOKENS = 4096
"""Tokens of a sequence that a context-parallel rank keeps: with fewer its tensors are thin (G 2.2)."""
LARGEST_BATCH = 32


@dataclass(frozen=True, slots=True)
class Means:
    """What the framework of a run can do."""

    shardings: tuple[Sharding, ...]
    tensor: bool = True
    context: bool = True
    pipeline: bool = True
    virtual: bool = True
    expert: bool = True
    sequence: bool = True
    """Sequence parallelism goes with tensor parallelism."""
    micro_batch: int | None = None
    """Rows of every micro batch, where the framework fills them to a number of tokens."""
    recompute: tuple[Recompute, ...] = ("none", "full")
    replicas: bool = False
    """FSDP may share states out inside groups of GPUs and copy the groups (HSDP)."""
    folds_experts: bool = False
    """Expert parallelism goes over tensor, context and data ranks alike (M, parallel folding); else over data
    ranks alone.
    """
    own: bool = False
    """A training loop of one's own: what shares states alone is taken for Megatron's, since nothing else has
    its degrees.
    """


MEANS: dict[str, Means] = {
    "megatron": Means(("zero1", "zero3"), folds_experts=True),
    "torchtitan": Means(
        ("fsdp2",), recompute=("none", "selective-op", "full"), replicas=True, folds_experts=True
    ),
    "transformers": Means(("ddp", "zero1", "zero3", "fsdp2"), pipeline=False, virtual=False, replicas=True),
    "torchtune": Means(("ddp", "fsdp2"), context=False, pipeline=False, virtual=False),
    "litgpt": Means(("ddp", "fsdp2"), tensor=False, context=False, pipeline=False, virtual=False),
    "composer": Means(("ddp", "fsdp2"), tensor=False, context=False, pipeline=False, virtual=False),
}
"""By whose layers run. torchtune's recipes have `tensor_parallel_dim`; LitGPT's Fabric strategies and
Composer's trainer share out states alone.
"""
OF_FRAMEWORK: dict[str, Means] = {
    "gpt-neox": Means(("zero1",), context=False, virtual=False),
    "nemo": Means(
        ("ddp", "zero1", "fsdp2"),
        recompute=("none", "selective-op", "full"),
        replicas=True,
        folds_experts=True,
    ),
    "prime-rl": Means(("fsdp2",), pipeline=False, virtual=False, replicas=True, folds_experts=True),
}
"""By the file's dialect, where its own loop runs layers of transformers, or none of a runtime above. GPT-NeoX
has Megatron's tensor parallelism with DeepSpeed's pipeline, which ZeRO's later stages exclude
(deepspeed/runtime/pipe/engine.py). NeMo Automodel and prime-rl share experts over data and context ranks
alike.
"""
ANY = Means(
    ("zero1", "zero3", "fsdp2"),
    recompute=("none", "selective-op", "full"),
    replicas=True,
    folds_experts=True,
    own=True,
)
"""Of a training loop of one's own."""


def families(work: Work, gpus: int, length: int, means: Means) -> Iterator[Family]:
    """Every admissible choice of degrees over `gpus`, for sequences of `length` tokens."""
    for tensor in _powers(min(NODE, gpus) if means.tensor else 1):
        if work.heads % tensor or (work.kv_heads % tensor and tensor % work.kv_heads):
            continue
        for context in _contexts(work, length, gpus // tensor if means.context else 1):
            for pipeline in _pipelines(work, gpus // (tensor * context), means):
                data, rest = divmod(gpus, tensor * context * pipeline)
                if rest:
                    continue
                for expert in _expert_degrees(work, tensor * context * data, data, means):
                    for sharding in means.shardings:
                        if _pointless(sharding, pipeline, data * context):
                            continue
                        for replicas in _replicas(sharding, pipeline, expert, data, means):
                            yield Family(tensor, pipeline, context, expert, data, sharding, replicas)


def layouts(family: Family, work: Work, global_batch: int, means: Means) -> Iterator[Layout]:
    """Micro batches, virtual stages and recomputation of a family. A pipeline gets at least as many micro
    batches as stages: under that it never fills (BLOOM's ramp: 8 TFLOP/s at batch 16, 150 at 2,048).
    """
    rows, rest = divmod(global_batch, family.data)
    if rest:
        return
    sizes = _powers(min(LARGEST_BATCH, rows)) if means.micro_batch is None else (means.micro_batch,)
    for micro_batch in sizes:
        accumulation, rest = divmod(rows, micro_batch)
        if rest or (family.pipeline > 1 and accumulation < family.pipeline):
            continue
        for chunks in _virtual(work, family, accumulation, means):
            for recompute in means.recompute:
                yield Layout(family, micro_batch, accumulation, chunks, recompute)


def _pointless(sharding: Sharding, pipeline: int, ranks: int) -> bool:
    """One rank has nothing to share; gathering weights for every micro batch of a pipeline is not done."""
    if sharding == "ddp":
        return ranks == 1
    return sharding == "zero3" and pipeline > 1


def _replicas(sharding: Sharding, pipeline: int, expert: int, data: int, means: Means) -> Iterator[int]:
    """Copies of the group that shares states out, a node or more: as few nodes as hold them, copies beyond
    (OLMo-core's guide, docs/source/guides/all_in_one_for_researchers.md, fa6c501, "Scaling").
    """
    if not (means.own and sharding == "fsdp2"):
        yield 1  # of one's own loop, zero3 is the whole group
    if sharding == "fsdp2" and means.replicas and pipeline == 1 and expert == 1:
        yield from (copies for copies in _powers(data // NODE) if copies > 1 and data % (copies * NODE) == 0)


def _powers(most: int) -> Iterator[int]:
    power = 1
    while power <= most:
        yield power
        power *= 2


def _contexts(work: Work, length: int, gpus: int) -> Iterator[int]:
    """Context parallelism leaves each rank tokens enough; each sequence is cut into twice as many pieces as
    there are ranks (P).
    """
    yield 1
    for context in _powers(gpus):
        if context > 1 and length // context >= FEWEST_TOKENS and length % (2 * context) == 0:
            yield context


def _pipelines(work: Work, gpus: int, means: Means) -> Iterator[int]:
    """Stages of equal layers, what takes a layer's place counted too."""
    yield 1
    if not means.pipeline:
        return
    for pipeline in range(2, min(gpus, work.layers) + 1):
        if gpus % pipeline == 0 and are_even(work.layers, pipeline):
            yield pipeline


def _expert_degrees(work: Work, ranks: int, data: int, means: Means) -> Sequence[int]:
    """Divisors of the experts that the ranks admit."""
    if work.expert_count <= 1 or not means.expert:
        return (1,)
    over = ranks if means.folds_experts else data
    return [
        degree
        for degree in _powers(work.expert_count)
        if not work.expert_count % degree and not over % degree
    ]


def _virtual(work: Work, family: Family, accumulation: int, means: Means) -> Iterator[int]:
    """Chunks of layers on a stage: divisors of its layers. Interleaving wants rounds of as many micro batches
    as there are stages (Narayanan et al. 2104.04473, section 2.2).
    """
    yield 1
    if family.pipeline == 1 or not means.virtual or accumulation % family.pipeline:
        return
    layers, _ = stages(work.layers, family.pipeline)
    yield from (chunks for chunks in range(2, layers + 1) if layers % chunks == 0)
